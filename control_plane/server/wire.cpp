// Responses carry tokens, so they are assembled in one Secret buffer of the right size.
#include "control_plane/server/wire.h"

#include <algorithm>
#include <cstring>
#include <ctime>

namespace nexus::control {

namespace {

std::string_view reason(int status) noexcept {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 408:
            return "Request Timeout";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 429:
            return "Too Many Requests";
        case 500:
            return "Internal Server Error";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        default:
            return "Status";
    }
}

bool is_clean(std::string_view text) noexcept {
    return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
}

bool is_clean(const Response &response) noexcept {
    return is_clean(response.content_type) && std::ranges::all_of(response.headers, [](const auto &header) {
               return is_clean(header.first) && is_clean(header.second);
           });
}

bool has_header(const Response &response, std::string_view name) noexcept {
    return std::ranges::any_of(response.headers, [&](const auto &header) { return header.first == name; });
}

std::string http_date() {
    const time_t now = std::time(nullptr);
    tm parts{};
    gmtime_r(&now, &parts);
    char text[64];
    return std::string(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
}

void append_header(std::string &head, std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

Secret to_wire(const Response &response, const WireOptions &options) {
    if (!is_clean(response)) {
        return to_wire(error_response({Errc::kInternal, "", {}, 0}, options.request_id), options);
    }
    std::string head =
        "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason(response.status));
    head.append("\r\n");
    append_header(head, "Date", http_date());
    if (!response.content_type.empty()) {
        append_header(head, "Content-Type", response.content_type);
    }
    if (response.status != 204 && response.status != 304) {
        append_header(head, "Content-Length", std::to_string(response.body.size()));
    }
    for (const auto &[name, value] : response.headers) {
        append_header(head, name, value);
    }
    if (!has_header(response, "Cache-Control")) {
        append_header(head, "Cache-Control", "no-store");
    }
    append_header(head, "X-Content-Type-Options", "nosniff");
    append_header(head, "X-Request-Id", options.request_id);
    append_header(head, "Connection", options.keep_alive ? "keep-alive" : "close");
    head.append("\r\n");

    const std::string_view body = options.without_body ? std::string_view() : response.body.view();
    Secret wire = Secret::zeroed(head.size() + body.size());
    std::memcpy(wire.data(), head.data(), head.size());
    if (!body.empty()) {
        std::memcpy(wire.data() + head.size(), body.data(), body.size());
    }
    wipe(head);
    return wire;
}

}  // namespace nexus::control
