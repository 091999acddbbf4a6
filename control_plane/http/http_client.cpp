// libcurl's easy interface, one handle a request, handles kept for their connections. The callbacks are C
// functions' targets: noexcept, they only copy bytes and check addresses.
#include "control_plane/http/http_client.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstring>
#include <mutex>

#include "control_plane/http/egress_guard.h"
#include "control_plane/http/request_parts.h"
#include "control_plane/metrics/metrics.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

struct FreeEasy {
    void operator()(CURL *handle) const noexcept { curl_easy_cleanup(handle); }
};
using EasyPtr = std::unique_ptr<CURL, FreeEasy>;

/// Everything the callbacks of one transfer touch.
struct Transfer {
    const EgressGuard *guard = nullptr;
    bool is_plain = false;
    bool is_denied = false;
    size_t max_body = 0;
    size_t max_headers = 0;
    Secret body;  // grows by doubling; its size is the room, body_size what is filled
    size_t body_size = 0;
    size_t header_bytes = 0;
    std::vector<std::pair<std::string, std::string>> headers;
};

bool append(Transfer &transfer, const char *data, size_t size) {
    if (size > transfer.max_body - transfer.body_size) {
        return false;
    }
    if (transfer.body_size + size > transfer.body.size()) {
        const size_t room =
            std::max(transfer.body_size + size, std::max<size_t>(4096, transfer.body.size() * 2));
        Secret larger = Secret::zeroed(std::min(room, transfer.max_body));
        if (transfer.body_size != 0) {
            std::memcpy(larger.data(), transfer.body.view().data(), transfer.body_size);
        }
        transfer.body = std::move(larger);  // the old one is wiped
    }
    std::memcpy(transfer.body.data() + transfer.body_size, data, size);
    transfer.body_size += size;
    return true;
}

size_t on_body(char *data, size_t, size_t size, void *context) noexcept {
    try {
        return append(*static_cast<Transfer *>(context), data, size) ? size : 0;  // 0 ends the transfer
    } catch (...) {
        return 0;
    }
}

std::string_view trim(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

size_t on_header(char *data, size_t, size_t size, void *context) noexcept {
    auto &transfer = *static_cast<Transfer *>(context);
    try {
        const std::string_view line(data, size);
        transfer.header_bytes += size;
        if (transfer.header_bytes > transfer.max_headers) {
            return 0;
        }
        if (line.starts_with("HTTP/")) {
            transfer.headers.clear();  // of a 1xx before this one
            return size;
        }
        if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
            transfer.headers.emplace_back(encoding::to_lower_ascii(trim(line.substr(0, colon))),
                                          trim(line.substr(colon + 1)));
        }
        return size;
    } catch (...) {
        return 0;
    }
}

/// The address libcurl is about to connect to is checked here, and this very address gets connected.
curl_socket_t on_open_socket(void *context, curlsocktype, curl_sockaddr *address) noexcept {
    auto &transfer = *static_cast<Transfer *>(context);
    if (!transfer.guard->allows(&address->addr, transfer.is_plain)) {
        transfer.is_denied = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void start_curl() {
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

    void count(std::string_view result) const {
        if (metrics != nullptr) {
            metrics->egress_request(result);
        }
    }

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
    set(CURLOPT_DNS_CACHE_TIMEOUT, 0L);  // each connection resolves anew and is checked anew
    set(CURLOPT_MAXAGE_CONN, 30L);
    set(CURLOPT_MAXCONNECTS, 4L);
    set(CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
    set(CURLOPT_OPENSOCKETDATA, &transfer);
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &transfer);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &transfer);
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

Result<HttpResponse> HttpClient::send(const HttpRequest &request) const {
    Transfer transfer;
    transfer.guard = &impl_->guard;
    transfer.max_body = impl_->options.max_response_bytes;
    transfer.max_headers = impl_->options.max_header_bytes;
    if (!is_sane_url(request.url, transfer.is_plain)) {
        impl_->count("denied");
        return fail(Errc::kEgressDenied, "the URL of the provider is not one that may be asked");
    }
    HeaderList headers;
    if (!headers.add_all(request)) {
        return fail(Errc::kInvalidRequest, "a header for the provider has a line break");
    }
    EasyPtr handle = impl_->take_handle();
    if (!handle) {
        return fail(Errc::kInternal, "libcurl gave no handle");
    }

    impl_->configure(handle.get(), request, transfer, headers);
    const Secret body = request.form   ? encode_form(*request.form)
                        : request.body ? request.body->clone()
                                       : Secret();
    if (request.form || request.body || request.method == "POST") {
        curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, body.empty() ? "" : body.view().data());
    }
    const CURLcode code = curl_easy_perform(handle.get());
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    impl_->keep_handle(std::move(handle));

    if (transfer.is_denied && code != CURLE_OK) {
        impl_->count("denied");
        return fail(Errc::kEgressDenied, "the provider's address is private and not in EGRESS_ALLOWED_CIDRS");
    }
    if (code != CURLE_OK) {
        impl_->count("unavailable");
        return fail(Errc::kProviderUnavailable, "the provider could not be asked", curl_easy_strerror(code));
    }
    impl_->count("ok");
    HttpResponse response;
    response.status = static_cast<int>(status);
    response.headers = std::move(transfer.headers);
    response.body = Secret(transfer.body.view().substr(0, transfer.body_size));
    return response;
}

}  // namespace nexus::control
