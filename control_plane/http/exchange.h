// One request and its answer on one of libcurl's easy handles: the options that every request gets, and what
// is made of libcurl's result. Who drives the handle, and which handles are kept, is the clients' affair.
#pragma once

#include <curl/curl.h>
#include <chrono>
#include <memory>
#include <string_view>

#include "control_plane/http/egress_guard.h"
#include "control_plane/http/http_client.h"
#include "control_plane/http/request_parts.h"
#include "control_plane/http/transfer.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

class Metrics;

struct FreeEasy {
    void operator()(CURL *handle) const noexcept { curl_easy_cleanup(handle); }
};
using EasyPtr = std::unique_ptr<CURL, FreeEasy>;

/// Once per process, before the first handle. Thread safe.
void start_curl();

/// As the request and the client say, whichever is less.
std::chrono::milliseconds total_timeout_of(const HttpRequest &request, const HttpClientOptions &options);

class Exchange {
public:
    /// Neither is copied, and nor is a request's body: all of them outlive the exchange.
    /// watch  of the connections that several exchanges share; else nullptr
    Exchange(const HttpClientOptions &options, const EgressGuard &guard, ConnectionWatch *watch = nullptr);
    Exchange(const Exchange &) = delete;  // libcurl holds pointers to the members
    Exchange &operator=(const Exchange &) = delete;

    /// Whatever can be said without the network.
    /// errors kInvalidRequest  a method or header that must not be sent
    ///        kEgressDenied    URL form, scheme, address; a client certificate over plain http
    Result<void> prepare(const HttpRequest &request);

    /// Handles and connections of a request with a client certificate are its own (docs/decisions/0034).
    bool has_own_connection() const { return !request_->client_certificate.empty(); }
    /// After prepare(). The handle is new or reset, and is used before the exchange ends.
    /// timeout           from now on
    /// with_multiplexing HTTP/2 where the server offers it over TLS, else HTTP/1.1
    void configure(CURL *handle, std::chrono::milliseconds timeout, bool with_multiplexing);

    /// Nothing is sent from then on; what was not begun fails with kProviderUnavailable.
    void send_before(std::chrono::steady_clock::time_point moment) { transfer_.send_before = moment; }

    /// After the transfer. returns whether its connection has fallen silent and is to be cut
    bool ends_connection(CURLcode code);
    /// What became of it. code  libcurl's for this handle
    /// errors kEgressDenied, kProviderUnavailable, kProviderSilent: as HttpClient::send
    Result<HttpResponse> finish(CURL *handle, CURLcode code);
    /// The same for an exchange that was ended by us. why  for the error's detail
    tl::unexpected<Error> failed(const char *why) const;

private:
    void configure_tls(CURL *handle);
    void configure_body(CURL *handle);
    void configure_callbacks(CURL *handle);

    const HttpClientOptions &options_;
    const HttpRequest *request_ = nullptr;
    Transfer transfer_;
    HeaderList headers_;
    Secret form_;
};

/// For nexus_egress_requests_total and its duration, and a failure for the log. metrics may be null: then
/// nobody wants to know
void note_egress(Metrics *metrics, const std::string &provider, const Result<HttpResponse> &response,
                 std::chrono::steady_clock::time_point started);

}  // namespace nexus::control
