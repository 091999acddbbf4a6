// Pages: nothing that a profile, a person or a request says becomes markup.
#include "control_plane/web/page.h"

#include <gtest/gtest.h>

#include <regex>

#include "control_plane/web/html.h"
#include "control_plane/web/layout.h"
#include "shared/crypto/digest.h"
#include "shared/encoding/base64.h"

namespace nexus::control::web {
namespace {

constexpr std::string_view kHostile = "\"'><script>alert(1)</script><img src=x onerror=y>&amp;\x01\x7f";

size_t count(const std::string &text, const std::string &what) {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
        ++found;
    }
    return found;
}

// Text of a hostile page: tags are those of a harmless one.
std::string tags_of(const std::string &html) {
    static const std::regex kTag{"</?([a-z0-9!]+)"};
    std::string out;
    for (auto it = std::sregex_iterator(html.begin(), html.end(), kTag); it != std::sregex_iterator(); ++it) {
        out += it->str() + " ";
    }
    return out;
}

FormPage form_with(std::string_view text) {
    FormPage page;
    page.title = page.description = page.button = page.state = text;
    FormField field;
    field.name = field.label = field.description = field.placeholder = field.value = field.problem = text;
    page.fields.push_back(field);
    field.options = {std::string{text}, "b"};
    page.fields.push_back(field);
    return page;
}

TEST(Escape, LeavesNoMarkup) {
    EXPECT_EQ(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    EXPECT_EQ(escape(std::string_view{"a\0b\x1b[31m\n", 8}), "ab[31m");
    EXPECT_EQ(escape("äöü €"), "äöü €");
    EXPECT_EQ(attribute("value", "\" onclick=\"x"), " value=\"&quot; onclick=&quot;x\"");
}

TEST(MessagePageTest, EscapesEveryText) {
    MessagePage hostile;
    hostile.title = hostile.reference = hostile.button = kHostile;
    hostile.paragraphs = {std::string{kHostile}};
    hostile.code = hostile.link = hostile.link_text = hostile.footnote = kHostile;
    MessagePage harmless;
    harmless.title = harmless.reference = harmless.button = "x";
    harmless.paragraphs = {"x"};
    harmless.code = harmless.link = harmless.link_text = harmless.footnote = "x";
    EXPECT_EQ(tags_of(render(hostile)), tags_of(render(harmless)));
    EXPECT_EQ(render(hostile).find("onerror=y>"), std::string::npos);
    EXPECT_EQ(render(hostile).find('\x01'), std::string::npos);
}

TEST(FormPageTest, EscapesEveryText) {
    std::string hostile{render(form_with(kHostile)).view()};
    std::string harmless{render(form_with("x")).view()};
    EXPECT_EQ(tags_of(hostile), tags_of(harmless));
    EXPECT_EQ(count(hostile, "\""), count(harmless, "\""));
}

TEST(FormPageTest, NamesItsFieldsAndWhatIsWrongWithThem) {
    FormPage page;
    page.title = "Connect";
    page.button = "Go";
    page.fields.resize(2);
    page.fields[0] = {"key",      "Key", "Where to find it", "k-...", "typed", {},
                      "password", true,  "is required"};
    page.fields[1].name = page.fields[1].label = "note";
    std::string html{render(page).view()};
    EXPECT_NE(html.find("<label for=\"f0\">Key</label>"), std::string::npos);
    EXPECT_NE(html.find("aria-describedby=\"f0-hint f0-problem\" aria-invalid=\"true\" required"),
              std::string::npos);
    EXPECT_NE(html.find("<a href=\"#f0\">Key is required</a>"), std::string::npos);
    EXPECT_NE(html.find("role=\"alert\""), std::string::npos);
    EXPECT_EQ(html.find("typed"), std::string::npos) << "a password is not shown again";
    EXPECT_NE(html.find("note <span class=\"soft\">(optional)"), std::string::npos);
}

TEST(Policy, AllowsTheStyleOfThePageAndNoScript) {
    std::string hash = encoding::base64_encode(crypto::as_view(crypto::sha256(kStyle)));
    EXPECT_EQ(content_security_policy(false), "default-src 'none'; style-src 'sha256-" + hash +
                                                  "'; form-action 'self' https:; base-uri 'none'; "
                                                  "frame-ancestors 'none'");
    EXPECT_NE(content_security_policy(true).find("https: http:;"), std::string::npos);
    EXPECT_NE(render(MessagePage{}).find("<style>" + std::string{kStyle} + "</style>"), std::string::npos);
}

}  // namespace
}  // namespace nexus::control::web
