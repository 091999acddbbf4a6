// libcurl's easy interface, one handle a request, handles kept for their connections. What happens during a
// transfer is transfer.cpp's.
#include "control_plane/http/http_client.h"

#include <curl/curl.h>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <mutex>

#include "control_plane/http/egress_guard.h"
#include "control_plane/http/request_parts.h"
#include "control_plane/http/transfer.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/workers/worker_pool.h"
#include "shared/net/ip_literal.h"

namespace nexus::control {

namespace {

struct FreeEasy {
    void operator()(CURL *handle) const noexcept { curl_easy_cleanup(handle); }
};
using EasyPtr = std::unique_ptr<CURL, FreeEasy>;

/// May a connection be kept for the host's next request? Over TLS the peer has proved the host's name, and an
/// address in the URL is the peer's own. A name over http is resolved anew each time: nothing else says who
/// answers.
bool is_bound_to_its_host(const Url &url) {
    return url.scheme == "https" || net::IpLiteral::parse(url.host).has_value();
}

bool is_method(std::string_view method) {
    constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PUT", "PATCH", "DELETE"};
    return std::ranges::find(kMethods, method) != kMethods.end();
}

void start_curl() {
    ::unsetenv("SSLKEYLOGFILE");  // libcurl would write the keys of every TLS session there
    ::signal(SIGPIPE,
             SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL, and CURLOPT_NOSIGNAL leaves that to us
    static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(once);
}

}  // namespace

struct HttpClient::Impl {
    Impl(HttpClientOptions client_options, Metrics *client_metrics)
        : options(std::move(client_options)), guard(options.allowed_private), metrics(client_metrics) {}

    EasyPtr take_handle() {
        {
            const std::scoped_lock lock(mutex);
            if (!idle.empty()) {
                EasyPtr handle = std::move(idle.back());
                idle.pop_back();
                return handle;
            }
        }
        return EasyPtr(curl_easy_init());
    }

    void keep_handle(EasyPtr handle) {
        curl_easy_reset(handle.get());  // options go, connections stay
        const std::scoped_lock lock(mutex);
        if (idle.size() < options.idle_handles) {
            idle.push_back(std::move(handle));
        }
    }

    Result<HttpResponse> perform(const HttpRequest &request);
    void configure(CURL *handle, const HttpRequest &request, Transfer &transfer,
                   const HeaderList &headers) const;

    const HttpClientOptions options;
    const EgressGuard guard;
    Metrics *const metrics;
    std::mutex mutex;
    std::vector<EasyPtr> idle;
};

void HttpClient::Impl::configure(CURL *handle, const HttpRequest &request, Transfer &transfer,
                                 const HeaderList &headers) const {
    const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
    const auto timeout =
        std::min(request.total_timeout.value_or(options.total_timeout), options.total_timeout);
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_PROTOCOLS_STR, transfer.is_plain ? "http" : "https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});  // one request at a time needs no more
    set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    if (!options.ca_file.empty()) {
        set(CURLOPT_CAINFO, options.ca_file.c_str());
        set(CURLOPT_CAPATH, static_cast<const char *>(nullptr));
    }
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(options.connect_timeout, timeout).count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT,
        1L);  // a resolver thread that got no answer in time is left behind, not waited for
    set(CURLOPT_DNS_CACHE_TIMEOUT, 0L);  // each connection resolves anew and is checked anew
    set(CURLOPT_MAXAGE_CONN, 30L);
    set(CURLOPT_MAXLIFETIME_CONN, 60L);
    set(CURLOPT_MAXCONNECTS, 4L);
    if (!transfer.keeps_connection) {
        set(CURLOPT_FRESH_CONNECT, 1L);
        set(CURLOPT_FORBID_REUSE, 1L);
    }
    set(CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
    set(CURLOPT_OPENSOCKETDATA, &transfer);
    set(CURLOPT_PREREQFUNCTION, &on_connected);
    set(CURLOPT_PREREQDATA, &transfer);
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &transfer);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &transfer);
    if (!request.client_certificate.empty()) {
        // libcurl finds the chain and the key in the same PEM. Not copied by it: the request outlives the
        // call.
        const std::string_view pem = request.client_certificate.view();
        curl_blob blob{const_cast<char *>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
        set(CURLOPT_SSLCERTTYPE, "PEM");
        set(CURLOPT_SSLCERT_BLOB, &blob);
        set(CURLOPT_SSLKEYTYPE, "PEM");
        set(CURLOPT_SSLKEY_BLOB, &blob);
    }
    if (request.basic_auth) {
        set(CURLOPT_HTTPAUTH, long{CURLAUTH_BASIC});
        set(CURLOPT_USERNAME, request.basic_auth->username.c_str());
        std::string password(request.basic_auth->password.view());
        set(CURLOPT_PASSWORD, password.c_str());
        wipe(password);
    }
}

HttpClient::HttpClient(HttpClientOptions options, Metrics *metrics)
    : impl_((start_curl(), std::make_unique<Impl>(std::move(options), metrics))) {}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::Impl::perform(const HttpRequest &request) {
    Transfer transfer;
    transfer.guard = &guard;
    transfer.max_body = options.max_response_bytes;
    transfer.max_headers = options.max_header_bytes;
    const Result<Url> url = guard.check_url(request.url, "the URL of the provider");
    if (!url) {
        return fail(Errc::kEgressDenied, url.error().message);
    }
    transfer.is_plain = url->scheme == "http";
    transfer.keeps_connection = is_bound_to_its_host(*url);
    HeaderList headers;
    if (!is_method(request.method) || !headers.add_all(request)) {
        return fail(Errc::kInvalidRequest,
                    "the method or a header for the provider is not one that may be sent");
    }
    // A connection that was opened with a certificate speaks for one client: it is used for this request
    // alone.
    const bool is_pooled = request.client_certificate.empty();
    if (!is_pooled && transfer.is_plain) {
        return fail(Errc::kEgressDenied, "a client certificate needs https");
    }
    EasyPtr handle = is_pooled ? take_handle() : EasyPtr(curl_easy_init());
    if (!handle) {
        return fail(Errc::kInternal, "libcurl gave no handle");
    }

    configure(handle.get(), request, transfer, headers);
    const Secret body = request.form   ? encode_form(*request.form)
                        : request.body ? request.body->clone()
                                       : Secret();
    if (request.form || request.body || request.method == "POST") {
        curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, body.empty() ? "" : body.view().data());
    }
    const CURLcode code = [&] {
        const WaitingElsewhere waiting;
        return curl_easy_perform(handle.get());
    }();
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    if (is_pooled) {
        keep_handle(std::move(handle));
    } else {
        handle.reset();
    }

    if (transfer.is_denied && !transfer.is_opened && code != CURLE_OK) {
        return fail(Errc::kEgressDenied, "the provider's address is private and not in EGRESS_ALLOWED_CIDRS");
    }
    if (code != CURLE_OK) {
        return fail(Errc::kProviderUnavailable, "the provider could not be asked", curl_easy_strerror(code));
    }
    HttpResponse response;
    response.status = static_cast<int>(status);
    response.headers = std::move(transfer.headers);
    response.body = Secret(transfer.body.view().substr(0, transfer.body_size));
    return response;
}

Result<HttpResponse> HttpClient::send(const HttpRequest &request) const {
    const auto started = std::chrono::steady_clock::now();
    Result<HttpResponse> response = impl_->perform(request);
    if (impl_->metrics != nullptr) {
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
        const bool is_denied = !response && response.error().errc == Errc::kEgressDenied;
        impl_->metrics->egress_request(request.provider,
                                       response    ? "ok"
                                       : is_denied ? "denied"
                                                   : "unavailable",
                                       took.count());
    }
    return response;
}

}  // namespace nexus::control
