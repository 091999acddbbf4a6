// HTTP messages as nexusd's handlers see them, whatever library carries them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control_plane/json/json.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct Request {
    Request() = default;
    Request(Request &&) = default;
    Request &operator=(Request &&) = default;
    ~Request();  // wipes the headers, among them API keys

    std::string method;  // upper case; HEAD is shown as GET
    std::string path;    // percent-encoded as received, no query
    std::string route;   // the matched template, "" before routing
    std::vector<std::pair<std::string, std::string>> path_parameters;  // decoded
    std::vector<std::pair<std::string, std::string>> query;            // decoded, in order
    std::vector<std::pair<std::string, std::string>> headers;          // names in lower case
    Secret body;
    std::string peer_ip;     // other end of the socket: always loopback
    std::string client_ip;   // see client_address.h; "" = unknown
    std::string request_id;  // from X-Request-Id if it is sane, else made here

    /// "" if the header is absent; the first one if repeated.
    std::string_view header(std::string_view lower_name) const;
    /// Number of lines of that header: more than one credential is refused, not chosen from.
    size_t header_count(std::string_view lower_name) const;
    /// The template's {name}; "" if there is none.
    std::string_view path_parameter(std::string_view name) const;
    /// The one value of a query parameter; nullopt: it is absent, or empty. errors kInvalidRequest (given twice)
    Result<std::optional<std::string>> query_parameter(std::string_view name) const;
    /// errors kInvalidRequest for a query parameter that is none of `known`
    Result<void> only_query_parameters(std::initializer_list<std::string_view> known) const;
    /// The body as a JSON object. errors kInvalidJson, kPayloadTooLarge
    Result<json::Value> json_body() const;
};

/// Is it an id that may go into logs and headers: 1 to 128 letters, digits, '-', '_', '.'?
bool is_request_id(std::string_view text) noexcept;

struct Response {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string content_type;  // "" = no body
    Secret body;
    std::optional<Errc> refused_as;  // not sent: what error_response told, for the audit log

    static Response json(int status, const json::Value &value);
    static Response text(int status, std::string_view text,
                         std::string_view content_type = "text/plain; charset=utf-8");
    static Response bytes(int status, std::string_view content_type, std::string_view bytes);
    static Response redirect(std::string_view location);  // 302, Referrer-Policy: no-referrer
    static Response empty(int status);
    Response &&with(std::string_view name, std::string_view value) &&;
};

/// DESIGN 4's error body with status, Retry-After and, for 401, WWW-Authenticate.
Response error_response(const Error &error, std::string_view request_id);

}  // namespace nexus::control
