// Routes of the person's side of a flow: /connect/{token}. HTML for browsers; who asks without text/html gets
// the capture schema, as clients of the reference implementation fetch it from authUrl.
#include <algorithm>

#include "control_plane/api/api.h"
#include "control_plane/api/browser.h"
#include "control_plane/api/render.h"
#include "shared/encoding/query.h"

namespace nexus::control {

namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

web::FormField to_form_field(const CredentialField &field) {
    web::FormField out;
    out.name = field.name;
    out.label = field.title.empty() ? field.name : field.title;
    out.description = field.description;
    out.placeholder = field.example;
    out.value = field.is_secret ? "" : field.default_value;
    out.options = field.options;
    out.type = field.is_secret ? "password" : "text";
    out.is_required = field.is_required;
    return out;
}

web::FormPage to_form_page(const Visit &visit) {
    const CredentialSchema &schema = visit.form.fields;
    web::FormPage page;
    page.title = schema.title.empty() ? "Connect " + visit.form.provider_name : schema.title;
    page.description = schema.description;
    page.button = "Connect";
    page.state = visit.state;
    for (const CredentialField &field : schema.fields) {
        page.fields.push_back(to_form_field(field));
    }
    return page;
}

// What was typed stays, but for secrets.
void keep_typed(web::FormPage &page, const CredentialSchema &schema, const TypedFields &typed) {
    for (web::FormField &field : page.fields) {
        for (const auto &[name, value] : typed) {
            if (name == field.name && !schema.find(name)->is_secret) {
                field.value = value.view();
            }
        }
    }
}

Response form_response(int status, const Visit &visit, const web::FormPage &page, const Config &config) {
    return page_response(status, page, visit.ends_on_http || !config.is_https())
        .with("Set-Cookie", visit.cookie.header(config.is_https(), visit.cookie_max_age_s));
}

// A page with a button, not a redirect: programs that look into links must not begin flows.
Response invitation(const Visit &visit, const Request &request, const Config &config) {
    if (!wants_html(request)) {
        return Response::json(200, json::Value::object().set("provider_name", visit.provider))
            .with("Cache-Control", "no-store");
    }
    web::MessagePage page;
    page.kind = web::MessagePage::Kind::kGood;
    page.title = "Connect " + visit.provider + " again";
    page.paragraphs = {"The connection with " + visit.provider +
                       " does not work any more. Please connect the same account again."};
    page.button = "Connect again";
    return page_response(200, page, !config.is_https());
}

json::Value device_json(const DeviceAuthorization &device) {
    json::Value out = json::Value::object();
    out.set("user_code", device.user_code).set("verification_uri", device.verification_uri);
    if (!device.verification_uri_complete.empty()) {
        out.set("verification_uri_complete", device.verification_uri_complete);
    }
    out.set("interval", device.interval_s).set("expires_in", device.expires_in_s);
    return out;
}

// The page comes back by itself: what the person does happens elsewhere.
Response device_page(const Visit &visit, const Request &request) {
    const DeviceAuthorization &device = visit.device;
    if (!wants_html(request)) {
        return Response::json(200, device_json(device)).with("Cache-Control", "no-store");
    }
    web::MessagePage page;
    page.kind = web::MessagePage::Kind::kGood;
    page.title = "Connect " + visit.provider;
    page.paragraphs = {"Open the page of " + visit.provider +
                       ", on this or any other device, and enter this code:"};
    page.code = device.user_code;
    page.link =
        device.verification_uri_complete.empty() ? device.verification_uri : device.verification_uri_complete;
    page.link_text = device.verification_uri;
    page.footnote = "Keep this page open. It goes on by itself when you have agreed there.";
    return page_response(200, page).with("Refresh", std::to_string(device.interval_s));
}

Result<Response> show(ApiContext &context, const Request &request, const Caller &caller) {
    std::string ticket{request.path_parameter("token")};
    Result<Visit> visit = context.connects.open(caller, ticket, request.header("cookie"));
    if (!visit) {
        return flow_error(visit.error(), request);
    }
    if (visit->kind == Visit::Kind::kInvitation) {
        return invitation(*visit, request, context.config);
    }
    if (visit->kind == Visit::Kind::kDone) {
        return flow_end(visit->end, request, context.config);
    }
    if (visit->kind == Visit::Kind::kDevice) {
        return device_page(*visit, request);
    }
    if (visit->kind == Visit::Kind::kForm && !wants_html(request)) {
        return Response::json(200, capture_form_json(visit->form)).with("Cache-Control", "no-store");
    }
    if (visit->kind == Visit::Kind::kForm) {
        return form_response(200, *visit, to_form_page(*visit), context.config);
    }
    return flow_redirect(302, visit->location)
        .with("Set-Cookie", visit->cookie.header(context.config.is_https(), visit->cookie_max_age_s));
}

struct Posted {
    std::string state;
    TypedFields typed;
};

Result<Posted> read_form(const Request &request) {
    if (!request.header("content-type").starts_with(kFormType)) {
        return fail(Errc::kInvalidRequest, "the body must be a form");
    }
    auto fields = encoding::parse_query(request.body.view());
    if (!fields) {
        return fail(fields.error());
    }
    Posted out;
    for (auto &[name, value] : *fields) {
        auto same = [&name = name](const auto &entry) { return entry.first == name; };
        if (std::any_of(out.typed.begin(), out.typed.end(), same)) {
            return fail(Errc::kInvalidRequest, "a field comes twice");
        }
        if (name == web::kStateField) {
            out.state = std::move(value);
        } else {
            out.typed.emplace_back(std::move(name), Secret{std::move(value)});
        }
    }
    return out;
}

Result<Response> submit(ApiContext &context, const Request &request, const Caller &caller) {
    std::string ticket{request.path_parameter("token")};
    if (request.body.empty()) {
        Result<std::string> next = context.connects.accept(caller, ticket);
        return next ? flow_redirect(303, *next) : flow_error(next.error(), request);
    }
    Result<Posted> posted = read_form(request);
    if (!posted) {
        return flow_error(posted.error(), request);
    }
    Result<Submission> submission =
        context.connects.submit(caller, ticket, posted->state, request.header("cookie"), posted->typed);
    if (!submission) {
        return flow_error(submission.error(), request);
    }
    if (submission->done) {
        const Captured &done = *submission->done;
        FlowEnd end{done.connection_id, done.flow_id, done.provider, {}, done.redirect_url};
        return flow_end(end, request, context.config, 303);
    }
    const Visit &visit = submission->again;
    web::FormPage page = to_form_page(visit);
    keep_typed(page, visit.form.fields, posted->typed);
    for (web::FormField &field : page.fields) {
        for (const auto &[name, problem] : submission->problems) {
            field.problem = name == field.name ? problem : field.problem;
        }
    }
    return form_response(400, visit, page, context.config);
}

}  // namespace

Routes connect_routes(ApiContext &context) {
    return {
        {"GET", "/connect/{token}", kPublic, bind(context, show)},
        {"POST", "/connect/{token}", kPublic, bind(context, submit)},
    };
}

}  // namespace nexus::control
