// See exchange.h. What happens during a transfer is transfer.cpp's.
#include "control_plane/http/exchange.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "shared/net/ip_literal.h"

namespace nexus::control {

namespace {

constexpr long kCaCacheS = 600;  // a bundle that was replaced is noticed so late

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

template <typename Value>
void set(CURL *handle, CURLoption option, Value value) {
    curl_easy_setopt(handle, option, value);
}

}  // namespace

void start_curl() {
    ::unsetenv("SSLKEYLOGFILE");  // libcurl would write the keys of every TLS session there
    ::signal(SIGPIPE,
             SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL, and CURLOPT_NOSIGNAL leaves that to us
    static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(once);
}

std::chrono::milliseconds total_timeout_of(const HttpRequest &request, const HttpClientOptions &options) {
    return std::min(request.total_timeout.value_or(options.total_timeout), options.total_timeout);
}

Exchange::Exchange(const HttpClientOptions &options, const EgressGuard &guard, ConnectionWatch *watch)
    : options_(options) {
    transfer_.guard = &guard;
    transfer_.watch = watch;
    transfer_.max_body = options.max_response_bytes;
    transfer_.max_headers = options.max_header_bytes;
}

Result<void> Exchange::prepare(const HttpRequest &request) {
    request_ = &request;
    const Result<Url> url = transfer_.guard->check_url(request.url, "the URL of the provider");
    if (!url) {
        return fail(Errc::kEgressDenied, url.error().message);
    }
    transfer_.is_plain = url->scheme == "http";
    transfer_.keeps_connection = is_bound_to_its_host(*url) && !has_own_connection();
    transfer_.is_single_shot = request.is_single_shot;
    if (!is_method(request.method) || !headers_.add_all(request)) {
        return fail(Errc::kInvalidRequest,
                    "the method or a header for the provider is not one that may be sent");
    }
    if (has_own_connection() && transfer_.is_plain) {
        return fail(Errc::kEgressDenied, "a client certificate needs https");
    }
    if (request.form) {
        form_ = encode_form(*request.form);
    }
    return {};
}

void Exchange::configure(CURL *handle, std::chrono::milliseconds timeout, bool with_multiplexing) {
    timeout = std::max(timeout, std::chrono::milliseconds(1));  // 0 is libcurl's word for "never"
    set(handle, CURLOPT_URL, request_->url.c_str());
    set(handle, CURLOPT_CUSTOMREQUEST, request_->method.c_str());
    set(handle, CURLOPT_HTTPHEADER, headers_.get());
    set(handle, CURLOPT_PROTOCOLS_STR, transfer_.is_plain ? "http" : "https");
    set(handle, CURLOPT_FOLLOWLOCATION, 0L);
    // A connection of its own carries one request, which needs no streams.
    set(handle, CURLOPT_HTTP_VERSION,
        with_multiplexing && !has_own_connection() ? long{CURL_HTTP_VERSION_2TLS}
                                                   : long{CURL_HTTP_VERSION_1_1});
    set(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(handle, CURLOPT_PROXY, "");
    set(handle, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
    set(handle, CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(std::min(options_.connect_timeout, timeout).count()));
    set(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    set(handle, CURLOPT_NOSIGNAL, 1L);
    // A resolver thread that got no answer in time is left behind, not waited for.
    set(handle, CURLOPT_QUICK_EXIT, 1L);
    set(handle, CURLOPT_DNS_CACHE_TIMEOUT, 0L);  // each connection resolves anew and is checked anew
    set(handle, CURLOPT_MAXAGE_CONN, 30L);
    set(handle, CURLOPT_MAXLIFETIME_CONN, 60L);
    set(handle, CURLOPT_MAXCONNECTS, 4L);
    if (!transfer_.keeps_connection || transfer_.is_single_shot) {
        set(handle, CURLOPT_FRESH_CONNECT, 1L);
    }
    if (!transfer_.keeps_connection) {
        set(handle, CURLOPT_FORBID_REUSE, 1L);
    }
    configure_tls(handle);
    configure_callbacks(handle);
    configure_body(handle);
    if (request_->basic_auth) {
        set(handle, CURLOPT_HTTPAUTH, long{CURLAUTH_BASIC});
        set(handle, CURLOPT_USERNAME, request_->basic_auth->username.c_str());
        std::string password(request_->basic_auth->password.view());
        set(handle, CURLOPT_PASSWORD, password.c_str());
        wipe(password);
    }
}

void Exchange::configure_tls(CURL *handle) {
    set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    set(handle, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
    if (!options_.ca_file.empty()) {
        set(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
    }
    // Only with a file alone does libcurl keep what it read: the system's bundle costs 40 ms to read.
    set(handle, CURLOPT_CAPATH, static_cast<const char *>(nullptr));
    set(handle, CURLOPT_CA_CACHE_TIMEOUT, kCaCacheS);
    if (has_own_connection()) {
        // libcurl finds the chain and the key in the same PEM. Not copied by it: the request outlives the
        // exchange.
        const std::string_view pem = request_->client_certificate.view();
        curl_blob blob{const_cast<char *>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
        set(handle, CURLOPT_SSLCERTTYPE, "PEM");
        set(handle, CURLOPT_SSLCERT_BLOB, &blob);
        set(handle, CURLOPT_SSLKEYTYPE, "PEM");
        set(handle, CURLOPT_SSLKEY_BLOB, &blob);
    }
}

void Exchange::configure_callbacks(CURL *handle) {
    set(handle, CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
    set(handle, CURLOPT_OPENSOCKETDATA, &transfer_);
    set(handle, CURLOPT_PREREQFUNCTION, &on_connected);
    set(handle, CURLOPT_PREREQDATA, &transfer_);
    set(handle, CURLOPT_WRITEFUNCTION, &on_body);
    set(handle, CURLOPT_WRITEDATA, &transfer_);
    set(handle, CURLOPT_HEADERFUNCTION, &on_header);
    set(handle, CURLOPT_HEADERDATA, &transfer_);
}

void Exchange::configure_body(CURL *handle) {
    if (!request_->form && !request_->body && request_->method != "POST") {
        return;
    }
    const std::string_view body = request_->form   ? form_.view()
                                  : request_->body ? request_->body->view()
                                                   : std::string_view();
    set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    set(handle, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
}

bool Exchange::ends_connection(CURLcode code) {
    return transfer_.watch != nullptr && !transfer_.connection.empty() &&
           transfer_.watch->ended(std::exchange(transfer_.connection, {}), code == CURLE_OPERATION_TIMEDOUT,
                                  std::chrono::steady_clock::now());
}

Result<HttpResponse> Exchange::finish(CURL *handle, CURLcode code) {
    if (code != CURLE_OK) {
        return failed(curl_easy_strerror(code));
    }
    // An answer that ends within its head is a whole one to libcurl.
    if (!transfer_.has_whole_head) {
        return failed("the answer was cut within its head");
    }
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    HttpResponse response;
    response.status = static_cast<int>(status);
    response.headers = std::move(transfer_.headers);
    response.body = Secret(transfer_.body.view().substr(0, transfer_.body_size));
    return response;
}

tl::unexpected<Error> Exchange::failed(const char *why) const {
    if (transfer_.is_begun) {
        return fail(Errc::kProviderSilent, "the provider gave no whole answer", why);
    }
    if (transfer_.is_denied && !transfer_.is_opened) {
        return fail(Errc::kEgressDenied, "the provider's address is private and not in EGRESS_ALLOWED_CIDRS");
    }
    return fail(Errc::kProviderUnavailable, "the provider could not be asked", why);
}

void note_egress(Metrics *metrics, const std::string &provider, const Result<HttpResponse> &response,
                  std::chrono::steady_clock::time_point started) {
    if (metrics == nullptr) {
        return;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    const bool is_denied = !response && response.error().errc == Errc::kEgressDenied;
    if (!response) {
        const Error &error = response.error();
        log::warn("outgoing_request_failed",
                  {{"provider", provider}, {"reason", error.detail.empty() ? error.message : error.detail}});
    }
    metrics->egress_request(provider, response ? "ok" : is_denied ? "denied" : "unavailable", took.count());
}

}  // namespace nexus::control
