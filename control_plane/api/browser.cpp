// Answers for browsers: see browser.h.
#include "control_plane/api/browser.h"

#include "control_plane/oauth/browser_binding.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

Response html(int status, Secret body, bool allow_http) {
    Response response;
    response.status = status;
    response.content_type = "text/html; charset=utf-8";
    response.body = std::move(body);
    return std::move(response)
        .with("Content-Security-Policy", web::content_security_policy(allow_http))
        .with("X-Frame-Options", "DENY")
        .with("Referrer-Policy", "no-referrer")
        .with("Cache-Control", "no-store");
}

// What a person can do about it, by what went wrong.
web::MessagePage message_of(const Error &error, int status) {
    web::MessagePage page;
    if (error.errc == Errc::kInvalidState && error.detail == "browser") {
        page.title = "This link was opened in another browser";
        page.paragraphs = {
            "For your safety, a connection must be finished in the browser in which it was started.",
            "Go back to that browser, or open the link that you were given here and start again. Nothing has "
            "been changed."};
    } else if (error.errc == Errc::kInvalidState || error.errc == Errc::kMissingFields) {
        page.title = "This link does not work any more";
        page.paragraphs = {"It is incomplete, has been used already, or is too old.",
                           "Go back to the application that sent you here and ask it for a new link."};
    } else if (status == 503) {
        page.title = "Not available at the moment";
        page.paragraphs = {"Please try again in a minute: reload this page."};
    } else {
        page.title = "This did not work";
        page.paragraphs = {
            "The account could not be connected. Go back to the application that sent you here."};
    }
    return page;
}

std::string sentence_of(std::string_view code) {
    if (code == "access_denied") {
        return "The access was not granted.";
    }
    if (code == "expired_token") {
        return "The code was not entered in time.";
    }
    if (code == "other_account") {
        return "This is another account than the one that was connected before.";
    }
    return "The provider or the connection's settings stood in the way (" + std::string{code} + ").";
}

web::MessagePage message_of(const FlowEnd &end) {
    web::MessagePage page;
    if (end.error.empty()) {
        page.kind = web::MessagePage::Kind::kGood;
        page.title = "Connected";
        page.paragraphs = {"The connection with " + end.provider + " is ready. You may close this page."};
        return page;
    }
    page.title = "Not connected";
    page.paragraphs = {sentence_of(end.error), "Go back to the application that sent you here."};
    return page;
}

// There is no return_url to say it with.
Response bare_end(const FlowEnd &end, const Request &request) {
    if (wants_html(request)) {
        web::MessagePage page = message_of(end);
        page.reference = request.request_id;
        return page_response(end.error.empty() ? 200 : 400, page);
    }
    json::Value out = json::Value::object();
    if (end.error.empty()) {
        out.set("connection_id", end.connection_id).set("status", "active").set("provider", end.provider);
        return Response::json(200, out);
    }
    out.set("error", end.error)
        .set("code", end.error)
        .set("message", sentence_of(end.error))
        .set("request_id", request.request_id);
    return Response::json(400, out);
}

}  // namespace

bool wants_html(const Request &request) {
    return encoding::to_lower_ascii(request.header("accept")).find("text/html") != std::string::npos;
}

Response page_response(int status, const web::MessagePage &page, bool allow_http) {
    return html(status, Secret{web::render(page)}, allow_http);
}

Response page_response(int status, const web::FormPage &page, bool allow_http) {
    return html(status, web::render(page), allow_http);
}

Response flow_error(const Error &error, const Request &request) {
    Response plain = error_response(error, request.request_id);
    if (!wants_html(request)) {
        return plain;
    }
    web::MessagePage page = message_of(error, plain.status);
    page.reference = request.request_id;
    Response response = page_response(plain.status, page);
    response.refused_as = plain.refused_as;
    for (auto &[name, value] : plain.headers) {
        if (name == "Retry-After") {
            response.headers.emplace_back(name, value);
        }
    }
    return response;
}

Response flow_redirect(int status, std::string_view location) {
    Response response = Response::redirect(location);
    response.status = status;
    return std::move(response).with("Cache-Control", "no-store");
}

Response flow_end(const FlowEnd &end, const Request &request, const Config &config, int redirect_status) {
    Response response =
        end.redirect_url.empty() ? bare_end(end, request) : flow_redirect(redirect_status, end.redirect_url);
    if (end.flow_id.empty()) {
        return response;
    }
    FlowCookie cookie{flow_cookie_name(end.flow_id, config.is_https()), {}};
    return std::move(response).with("Set-Cookie", cookie.header(config.is_https(), 0));
}

}  // namespace nexus::control
