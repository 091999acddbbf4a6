// The pages people see: see page.h.
#include "control_plane/web/page.h"

#include "control_plane/web/html.h"
#include "control_plane/web/layout.h"
#include "shared/crypto/digest.h"
#include "shared/encoding/base64.h"

namespace nexus::control::web {

namespace {

std::string paragraph(std::string_view text) {
    return "<p>" + escape(text) + "</p>\n";
}

// What stands beside a field is read out with it.
std::string described_by(const FormField &field, const std::string &id) {
    std::string ids = field.description.empty() ? "" : id + "-hint";
    if (!field.problem.empty()) {
        ids += (ids.empty() ? "" : " ") + id + "-problem";
    }
    std::string out = ids.empty() ? "" : attribute("aria-describedby", ids);
    if (!field.problem.empty()) {
        out += attribute("aria-invalid", "true");
    }
    return out + (field.is_required ? " required" : "");
}

std::string choice(const FormField &field, const std::string &id) {
    std::string out = "<select" + attribute("id", id) + attribute("name", field.name) +
                      described_by(field, id) + ">\n<option value=\"\">Choose</option>\n";
    for (const std::string &option : field.options) {
        out += "<option" + attribute("value", option) + (option == field.value ? " selected" : "") + ">" +
               escape(option) + "</option>\n";
    }
    return out + "</select>\n";
}

std::string input(const FormField &field, const std::string &id) {
    std::string out = "<input" + attribute("id", id) + attribute("name", field.name) +
                      attribute("type", field.type) + described_by(field, id);
    if (!field.placeholder.empty()) {
        out += attribute("placeholder", field.placeholder);
    }
    if (!field.value.empty() && field.type != "password") {
        out += attribute("value", field.value);
    }
    return out + " autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\">\n";
}

std::string render_field(const FormField &field, size_t number) {
    std::string id = "f" + std::to_string(number);
    std::string out = "<div class=\"field\">\n<label" + attribute("for", id) + ">" + escape(field.label) +
                      (field.is_required ? "" : " <span class=\"soft\">(optional)</span>") + "</label>\n";
    if (!field.description.empty()) {
        out +=
            "<p class=\"soft\"" + attribute("id", id + "-hint") + ">" + escape(field.description) + "</p>\n";
    }
    if (!field.problem.empty()) {
        out += "<p class=\"problem\"" + attribute("id", id + "-problem") + ">" +
               escape(field.label + " " + field.problem) + ".</p>\n";
    }
    return out + (field.options.empty() ? input(field, id) : choice(field, id)) + "</div>\n";
}

// At the top, where a screen reader begins after the page has come back.
std::string render_summary(const FormPage &page) {
    std::string links;
    for (size_t i = 0; i < page.fields.size(); ++i) {
        if (!page.fields[i].problem.empty()) {
            links += "<li><a href=\"#f" + std::to_string(i) + "\">" +
                     escape(page.fields[i].label + " " + page.fields[i].problem) + "</a></li>\n";
        }
    }
    return links.empty() ? ""
                         : "<div role=\"alert\">\n<p class=\"problem\">Nothing was saved yet. Please "
                           "correct:</p>\n<ul>\n" +
                               links + "</ul>\n</div>\n";
}

}  // namespace

std::string render(const MessagePage &page) {
    std::string body = std::string{"<main class=\""} +
                       (page.kind == MessagePage::Kind::kGood ? "good" : "bad") + "\">\n<h1>" +
                       escape(page.title) + "</h1>\n";
    for (const std::string &text : page.paragraphs) {
        body += paragraph(text);
    }
    if (!page.code.empty()) {
        body += "<p class=\"code\">" + escape(page.code) + "</p>\n";
    }
    if (!page.link.empty()) {
        body += "<p><a target=\"_blank\" rel=\"noopener noreferrer\"" + attribute("href", page.link) + ">" +
                escape(page.link_text) + "</a></p>\n";
    }
    if (!page.footnote.empty()) {
        body += "<p class=\"soft\">" + escape(page.footnote) + "</p>\n";
    }
    if (!page.button.empty()) {
        body +=
            "<form method=\"post\">\n<button type=\"submit\">" + escape(page.button) + "</button>\n</form>\n";
    }
    if (!page.reference.empty()) {
        body += "<p class=\"soft\">Reference: " + escape(page.reference) + "</p>\n";
    }
    return document(page.title, body + "</main>\n");
}

Secret render(const FormPage &page) {
    std::string summary = render_summary(page);
    std::string body = "<main>\n<h1>" + escape(page.title) + "</h1>\n";
    if (!page.description.empty()) {
        body += paragraph(page.description);
    }
    body += summary + "<form method=\"post\">\n<input type=\"hidden\"" + attribute("name", kStateField) +
            attribute("value", page.state) + ">\n";
    for (size_t i = 0; i < page.fields.size(); ++i) {
        body += render_field(page.fields[i], i);
    }
    body += "<button type=\"submit\">" + escape(page.button) + "</button>\n</form>\n</main>\n";
    std::string title = summary.empty() ? page.title : "Please correct: " + page.title;
    return Secret{document(title, body)};
}

std::string content_security_policy(bool allow_http) {
    static const std::string kHash = encoding::base64_encode(crypto::as_view(crypto::sha256(kStyle)));
    return "default-src 'none'; style-src 'sha256-" + kHash +
           "'; form-action 'self' https:" + (allow_http ? " http:" : "") +
           "; base-uri 'none'; frame-ancestors 'none'";
}

}  // namespace nexus::control::web
