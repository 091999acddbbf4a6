// libcurl's easy interface, one handle a request, handles kept for their connections. What a request sets and
// what its answer means is exchange.cpp's.
#include "control_plane/http/http_client.h"

#include <curl/curl.h>
#include <mutex>

#include "control_plane/http/egress_guard.h"
#include "control_plane/http/exchange.h"
#include "control_plane/workers/worker_pool.h"

namespace nexus::control {

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

    const HttpClientOptions options;
    const EgressGuard guard;
    Metrics *const metrics;
    std::mutex mutex;
    std::vector<EasyPtr> idle;
};

HttpClient::HttpClient(HttpClientOptions options, Metrics *metrics)
    : impl_((start_curl(), std::make_unique<Impl>(std::move(options), metrics))) {}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::Impl::perform(const HttpRequest &request) {
    Exchange exchange(options, guard);
    if (const Result<void> prepared = exchange.prepare(request); !prepared) {
        return fail(prepared.error());
    }
    EasyPtr handle = exchange.has_own_connection() ? EasyPtr(curl_easy_init()) : take_handle();
    if (!handle) {
        return fail(Errc::kInternal, "libcurl gave no handle");
    }
    exchange.configure(handle.get(), total_timeout_of(request, options), false);
    const CURLcode code = [&] {
        const WaitingElsewhere waiting;
        return curl_easy_perform(handle.get());
    }();
    Result<HttpResponse> response = exchange.finish(handle.get(), code);
    if (!exchange.has_own_connection()) {
        keep_handle(std::move(handle));
    }
    return response;
}

Result<HttpResponse> HttpClient::send(const HttpRequest &request) const {
    const auto started = std::chrono::steady_clock::now();
    Result<HttpResponse> response = impl_->perform(request);
    note_egress(impl_->metrics, request.provider, response, started);
    return response;
}

}  // namespace nexus::control
