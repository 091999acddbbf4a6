// One refresh per connection in this process: see single_flight.h.
#include "control_plane/refresh/single_flight.h"

#include <algorithm>

#include "control_plane/workers/worker_pool.h"

namespace nexus::control {

SingleFlight::Outcome SingleFlight::run(const std::string &key, const std::function<Outcome()> &work) {
    std::unique_lock lock(mutex_);
    auto found = flights_.find(key);
    if (found != flights_.end()) {
        std::shared_ptr<Flight> flight = found->second;
        const WaitingElsewhere waiting;
        if (!done_.wait_for(lock, max_wait_, [&] { return flight->outcome.has_value(); })) {
            Error error{Errc::kTokenUnavailable, "a refresh of this connection takes too long", {}, 1};
            return fail(std::move(error));
        }
        return *flight->outcome;
    }
    auto flight = std::make_shared<Flight>();
    flights_[key] = flight;
    lock.unlock();

    Outcome outcome = fail(Errc::kInternal, "the refresh did not finish");
    try {
        outcome = work();
    } catch (const std::exception &) {
        // The waiters get the error above; the exception itself says nothing that a caller may see.
    }

    lock.lock();
    flight->outcome = outcome;
    flights_.erase(key);
    lock.unlock();
    done_.notify_all();
    return outcome;
}

namespace {

int64_t seconds_up(int64_t ms) {
    return std::max<int64_t>(1, (ms + 999) / 1000);
}

}  // namespace

std::optional<Error> Backoff::current(const std::string &key, UnixMs now) {
    std::lock_guard lock(mutex_);
    auto found = entries_.find(key);
    if (found == entries_.end() || found->second.until <= now) {
        return std::nullopt;
    }
    Error error = found->second.error;
    error.retry_after_s = seconds_up(found->second.until - now);
    return error;
}

Error Backoff::failed(const std::string &key, Error error, UnixMs now) {
    std::lock_guard lock(mutex_);
    if (entries_.size() >= kMaxEntries) {
        std::erase_if(entries_, [&](const auto &entry) { return entry.second.until <= now; });
    }
    if (entries_.size() >= kMaxEntries && !entries_.contains(key)) {
        return error;  // one more question to the provider is the lesser evil
    }
    Entry &entry = entries_[key];
    if (error.errc == Errc::kProviderError) {
        entry.delay_ms = 0;
        entry.until = now + kRefusedMs;
    } else {
        entry.delay_ms = entry.delay_ms == 0 ? kFirstMs : std::min(entry.delay_ms * 2, kLastMs);
        entry.until = now + std::max(entry.delay_ms, std::min(error.retry_after_s, kMaxRetryAfterS) * 1000);
    }
    entry.error = error;
    error.retry_after_s = seconds_up(entry.until - now);
    return error;
}

void Backoff::succeeded(const std::string &key) {
    std::lock_guard lock(mutex_);
    entries_.erase(key);
}

}  // namespace nexus::control
