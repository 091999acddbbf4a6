// Requests and responses: what handlers ask of them, and the one form of errors (DESIGN 4).
#include "control_plane/server/message.h"

#include <algorithm>

#include "shared/encoding/query.h"
#include "shared/errc.h"

namespace nexus::control {

Request::~Request() {
    for (auto &[name, value] : headers) {
        wipe(value);
    }
}

std::string_view Request::header(std::string_view lower_name) const {
    const auto found = std::ranges::find(headers, lower_name, &std::pair<std::string, std::string>::first);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

size_t Request::header_count(std::string_view lower_name) const {
    return static_cast<size_t>(
        std::ranges::count(headers, lower_name, &std::pair<std::string, std::string>::first));
}

std::string_view Request::path_parameter(std::string_view name) const {
    const auto found = std::ranges::find(path_parameters, name, &std::pair<std::string, std::string>::first);
    return found == path_parameters.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::optional<std::string>> Request::query_parameter(std::string_view name) const {
    return encoding::one_parameter(query, name).map([](std::optional<std::string> value) {
        return value && value->empty() ? std::nullopt : std::move(value);
    });
}

Result<void> Request::only_query_parameters(std::initializer_list<std::string_view> known) const {
    for (const auto &[parameter, text] : query) {
        if (std::ranges::find(known, parameter) == known.end()) {
            return fail(Errc::kInvalidRequest, "unknown query parameter");
        }
    }
    return {};
}

Result<json::Value> Request::json_body() const {
    return json::parse_object(body.view());
}

bool is_request_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
               c == '_' || c == '.';
    });
}

Response Response::json(int status, const json::Value &value) {
    Response response;
    response.status = status;
    response.content_type = "application/json";
    response.body = value.dump();
    return response;
}

Response Response::text(int status, std::string_view text, std::string_view content_type) {
    return bytes(status, content_type, text);
}

Response Response::bytes(int status, std::string_view content_type, std::string_view bytes) {
    Response response;
    response.status = status;
    response.content_type = std::string(content_type);
    response.body = Secret(bytes);
    return response;
}

Response Response::redirect(std::string_view location) {
    return empty(302).with("Location", location).with("Referrer-Policy", "no-referrer");
}

Response Response::empty(int status) {
    Response response;
    response.status = status;
    return response;
}

Response &&Response::with(std::string_view name, std::string_view value) && {
    headers.emplace_back(name, value);
    return std::move(*this);
}

Response error_response(const Error &error, std::string_view request_id) {
    const ErrcInfo info = errc_info(error.errc);
    const bool is_ours = info.http_status == 500;  // what broke inside is for the log only
    json::Value body = json::Value::object();
    body.set("error", info.code).set("code", info.code);
    body.set("message",
             is_ours ? "something went wrong inside; the request id finds it in the log" : error.message);
    if (!is_ours && !error.detail.empty()) {
        body.set("detail", error.detail);
    }
    body.set("request_id", request_id);

    Response response = Response::json(info.http_status, body);
    response.refused_as = error.errc;
    const int64_t retry_after = error.retry_after_s > 0 ? error.retry_after_s : 1;
    if (error.retry_after_s > 0 || info.http_status == 503) {
        response.headers.emplace_back("Retry-After", std::to_string(retry_after));
    }
    if (info.http_status == 401) {
        response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"nexus\"");
    }
    return response;
}

}  // namespace nexus::control
