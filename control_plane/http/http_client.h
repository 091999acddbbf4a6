// The one client for outgoing HTTP: libcurl with TLS verified, time-outs, a body cap, no redirects, no
// proxies, and every address checked where the socket is opened, so that the checked address is the connected
// one (DNS rebinding); which connections are kept is told in docs/decisions/0014. Knows nothing of OAuth.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/net/host_rule.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

class Metrics;

struct HttpClientOptions {
    std::vector<net::Cidr> allowed_private;  // EGRESS_ALLOWED_CIDRS
    std::string ca_file;                     // "" = the system's bundle
    std::chrono::milliseconds connect_timeout{3000};
    std::chrono::milliseconds total_timeout{10000};
    size_t max_response_bytes = 1024 * 1024;
    size_t max_header_bytes = 64 * 1024;
    size_t idle_handles = 16;  // kept for connection reuse
};

/// One name and value of a form body. Values are percent-encoded by the client.
struct FormField {
    std::string name;
    Secret value;
};

struct HttpRequest {
    std::string method = "GET";                                // GET, POST, PUT, PATCH, DELETE
    std::string url;                                           // absolute http(s), no userinfo, no fragment
    std::string provider;                                      // its name, for metrics; "" = none is known
    std::string user_agent = "nexusd";
    std::vector<std::pair<std::string, std::string>> headers;  // none secret
    std::optional<Secret> bearer_token;                        // Authorization: Bearer
    bool is_dpop_bound = false;  // the token is: Authorization: DPoP (RFC 9449 section 7.1)
    struct Basic {
        std::string username;  // sent as given: OAuth callers form-encode first (RFC 6749 section 2.3.1)
        Secret password;
    };
    std::optional<Basic> basic_auth;
    Secret client_certificate;  // PEM: certificate, chain and private key, for mutual TLS; empty = none
    std::vector<std::pair<std::string, Secret>> secret_headers;  // e.g. X-API-Key
    std::optional<std::vector<FormField>> form;                  // application/x-www-form-urlencoded
    std::optional<Secret> body;                                  // raw; content_type goes with it
    std::string content_type;
    std::optional<std::chrono::milliseconds> total_timeout;  // shorter than the client's
    /// The request must reach the server at most once, as one that redeems a one-time token: it gets a
    /// connection that nobody used before, and is never sent again (docs/decisions/0038). Without it libcurl
    /// sends again what a kept connection did not answer.
    bool is_single_shot = false;
};

struct HttpResponse {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    Secret body;

    std::string_view header(std::string_view lower_name) const;  // "" if absent
    /// Seconds of Retry-After (delta form, or HTTP date against `now_ms`); without one the end of the rate
    /// limit's window, where it is used up (RateLimit-Reset, X-RateLimit-Reset: seconds from now, or of a
    /// time). 0 if absent or unreadable, at most a day.
    int64_t retry_after_s(int64_t now_ms) const;
};

class HttpClient {
public:
    explicit HttpClient(HttpClientOptions options, Metrics *metrics = nullptr);
    ~HttpClient();
    HttpClient(const HttpClient &) = delete;
    HttpClient &operator=(const HttpClient &) = delete;

    /// Any status is a response; redirects are not followed. Thread safe; blocks the calling thread.
    /// errors kInvalidRequest       a method or header that must not be sent
    ///        kEgressDenied         URL form, scheme, plain http or private address that is not allowed
    ///        kProviderUnavailable  nothing was sent: resolve, connect, TLS, time-out before the request
    ///        kProviderSilent       sent, or perhaps sent, and no whole answer came: time-out, connection
    ///        cut,
    ///                              answer cut short or too large
    Result<HttpResponse> send(const HttpRequest &request) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// application/x-www-form-urlencoded encoding of one value (WHATWG: space is '+').
std::string form_encode(std::string_view text);

}  // namespace nexus::control
