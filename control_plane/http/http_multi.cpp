// See http_multi.h. All of libcurl is touched by one thread; the others only leave requests in a queue and
// wake it.
#include "control_plane/http/http_multi.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <chrono>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <unordered_map>
#include <vector>

#include "control_plane/http/connection_watch.h"
#include "control_plane/http/egress_guard.h"
#include "control_plane/http/exchange.h"
#include "control_plane/log/log.h"

namespace nexus::control {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr long kHostConnections = 128;
constexpr size_t kIdleHandles = 128;
constexpr int kIdleWaitMs = 60'000;  // a wakeup ends it
constexpr int kFullWaitMs = 50;      // how late a waiting request may learn of its time-out

struct FreeMulti {
    void operator()(CURLM *multi) const noexcept { curl_multi_cleanup(multi); }
};

struct Job {
    Job(HttpRequest asked, HttpMulti::Done when_done, std::chrono::milliseconds send_within,
        const HttpClientOptions &options, const EgressGuard &guard, ConnectionWatch &watch)
        : request(std::move(asked)),
          done(std::move(when_done)),
          deadline(sent_at + total_timeout_of(request, options)),
          exchange(options, guard, &watch) {
        exchange.send_before(sent_at + send_within);
    }

    HttpRequest request;
    HttpMulti::Done done;
    const SteadyClock::time_point sent_at = SteadyClock::now();
    const SteadyClock::time_point deadline;
    Exchange exchange;
    EasyPtr handle;  // points into the exchange, and so ends first
};
using JobPtr = std::unique_ptr<Job>;

/// While the handle is the multi's. Others may wait on the connection too: they learn now what they would
/// learn later. libcurl finds it closed when it looks at it next.
void cut_connection(CURL *handle) {
    curl_socket_t socket = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK && socket != CURL_SOCKET_BAD) {
        ::shutdown(socket, SHUT_RDWR);
    }
}

}  // namespace

struct HttpMulti::Impl {
    Impl(HttpClientOptions client_options, Metrics *client_metrics, size_t places, size_t waiting_places,
         std::chrono::milliseconds quiet_limit)
        : options(std::move(client_options)),
          guard(options.allowed_private),
          metrics(client_metrics),
          max_in_flight(places),
          max_outstanding(places + waiting_places),
          watch(quiet_limit),
          multi(curl_multi_init()) {
        if (multi == nullptr) {
            throw std::bad_alloc();
        }
        // Connections are counted with those in use: fewer places than requests would close them too early.
        curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(max_in_flight + 64));
        curl_multi_setopt(multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS, kHostConnections);
        curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, long{CURLPIPE_MULTIPLEX});
        thread = std::thread([this] { run(); });
    }

    void run() noexcept;
    bool begin_waiting();
    void begin(JobPtr job);
    void finish_answered();
    void end_all();
    void finish(Job &job, Result<HttpResponse> response);
    int wait_ms();

    EasyPtr take_handle(const Job &job);
    void keep_handle(Job &job);

    const HttpClientOptions options;
    const EgressGuard guard;
    Metrics *const metrics;
    const size_t max_in_flight;
    const size_t max_outstanding;

    mutable std::mutex mutex;
    std::deque<JobPtr> waiting;
    size_t outstanding = 0;
    bool is_ending = false;

    // The thread's own, but for curl_multi_wakeup().
    ConnectionWatch watch;
    std::unique_ptr<CURLM, FreeMulti> multi;
    std::vector<EasyPtr> idle;
    std::unordered_map<CURL *, JobPtr> begun;

    std::once_flag stopped;
    std::thread thread;
};

void HttpMulti::Impl::run() noexcept {
    while (begin_waiting()) {
        int running = 0;
        curl_multi_perform(multi.get(), &running);
        finish_answered();
        curl_multi_poll(multi.get(), nullptr, 0, wait_ms(), nullptr);
    }
    end_all();
}

/// returns false when the client is ending
bool HttpMulti::Impl::begin_waiting() {
    std::vector<JobPtr> late;
    std::vector<JobPtr> next;
    {
        const std::scoped_lock lock(mutex);
        if (is_ending) {
            return false;
        }
        const auto now = SteadyClock::now();
        for (JobPtr &job : waiting) {
            if (job->deadline <= now) {
                late.push_back(std::move(job));
            } else if (begun.size() + next.size() < max_in_flight) {
                next.push_back(std::move(job));
            }
        }
        std::erase(waiting, nullptr);
    }
    for (const JobPtr &job : late) {
        finish(*job, job->exchange.failed("no place was free in time"));
    }
    for (JobPtr &job : next) {
        begin(std::move(job));
    }
    return true;
}

void HttpMulti::Impl::begin(JobPtr job) {
    if (const Result<void> prepared = job->exchange.prepare(job->request); !prepared) {
        return finish(*job, fail(prepared.error()));
    }
    job->handle = take_handle(*job);
    CURL *handle = job->handle.get();
    if (handle == nullptr) {
        return finish(*job, fail(Errc::kInternal, "libcurl gave no handle"));
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(job->deadline - SteadyClock::now());
    job->exchange.configure(handle, left, true);
    if (curl_multi_add_handle(multi.get(), handle) != CURLM_OK) {
        return finish(*job, fail(Errc::kInternal, "libcurl did not take the request"));
    }
    begun.emplace(handle, std::move(job));
}

void HttpMulti::Impl::finish_answered() {
    int left = 0;
    while (const CURLMsg *message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURL *handle = message->easy_handle;
        const CURLcode code = message->data.result;
        const auto found = begun.extract(handle);
        Job &job = *found.mapped();
        if (job.exchange.ends_connection(code)) {
            cut_connection(handle);
        }
        curl_multi_remove_handle(multi.get(), handle);  // and with it the message
        Result<HttpResponse> response = job.exchange.finish(handle, code);
        keep_handle(job);
        finish(job, std::move(response));
    }
}

void HttpMulti::Impl::end_all() {
    for (const auto &[handle, job] : begun) {
        curl_multi_remove_handle(multi.get(), handle);
        finish(*job, job->exchange.failed("the client is ending"));
    }
    begun.clear();
    std::deque<JobPtr> rest;
    {
        const std::scoped_lock lock(mutex);
        rest.swap(waiting);
    }
    for (const JobPtr &job : rest) {
        finish(*job, job->exchange.failed("the client is ending"));
    }
}

void HttpMulti::Impl::finish(Job &job, Result<HttpResponse> response) {
    note_egress(metrics, job.request.provider, response, job.sent_at);
    {
        const std::scoped_lock lock(mutex);
        --outstanding;
    }
    try {
        job.done(std::move(response));
    } catch (const std::exception &) {
        log::error("http_done_threw", {{"provider", job.request.provider}});  // its text may hold anything
    } catch (...) {
        log::error("http_done_threw", {{"provider", job.request.provider}});
    }
}

int HttpMulti::Impl::wait_ms() {
    const std::scoped_lock lock(mutex);
    if (waiting.empty()) {
        return kIdleWaitMs;
    }
    return begun.size() < max_in_flight ? 0 : kFullWaitMs;
}

EasyPtr HttpMulti::Impl::take_handle(const Job &job) {
    if (idle.empty() || job.exchange.has_own_connection()) {
        return EasyPtr(curl_easy_init());
    }
    EasyPtr handle = std::move(idle.back());
    idle.pop_back();
    return handle;
}

void HttpMulti::Impl::keep_handle(Job &job) {
    if (job.exchange.has_own_connection() || idle.size() >= kIdleHandles) {
        job.handle.reset();
        return;
    }
    curl_easy_reset(job.handle.get());  // it points to nothing of the job any more
    idle.push_back(std::move(job.handle));
}

HttpMulti::HttpMulti(HttpClientOptions options, Metrics *metrics, size_t max_in_flight, size_t max_waiting,
                     std::chrono::milliseconds quiet_limit)
    : impl_((start_curl(),
             std::make_unique<Impl>(std::move(options), metrics, max_in_flight, max_waiting, quiet_limit))) {}

HttpMulti::~HttpMulti() {
    stop();
}

void HttpMulti::send(HttpRequest request, Done done, std::chrono::milliseconds send_within) {
    auto job = std::make_unique<Job>(std::move(request), std::move(done), send_within, impl_->options,
                                     impl_->guard, impl_->watch);
    {
        const std::scoped_lock lock(impl_->mutex);
        if (!impl_->is_ending && impl_->outstanding < impl_->max_outstanding) {
            impl_->waiting.push_back(std::move(job));
            ++impl_->outstanding;
        }
    }
    if (job) {
        return job->done(fail(Errc::kOverloaded, "too many requests to providers are in flight"));
    }
    curl_multi_wakeup(impl_->multi.get());
}

size_t HttpMulti::in_flight() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->outstanding;
}

void HttpMulti::stop() {
    std::call_once(impl_->stopped, [this] {
        {
            const std::scoped_lock lock(impl_->mutex);
            impl_->is_ending = true;
        }
        curl_multi_wakeup(impl_->multi.get());
        impl_->thread.join();
    });
}

}  // namespace nexus::control
