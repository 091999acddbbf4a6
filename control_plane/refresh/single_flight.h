// One refresh per connection in this process: the first caller runs it, others wait for its outcome. Also
// remembers failures for as long as the provider asked us to stay away, so that callers in a loop do not
// become its load.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "control_plane/store/connection_repository.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace nexus::control {

class SingleFlight {
public:
    using Outcome = Result<store::Connection>;

    explicit SingleFlight(std::chrono::milliseconds max_wait) : max_wait_(max_wait) {}

    /// Runs `work`, or waits for the run in flight and returns its outcome.
    /// errors kTokenUnavailable: the wait took longer than max_wait
    Outcome run(const std::string &key, const std::function<Outcome()> &work);

private:
    struct Flight {
        std::optional<Outcome> outcome;
    };
    std::chrono::milliseconds max_wait_;
    std::mutex mutex_;
    std::condition_variable done_;
    std::map<std::string, std::shared_ptr<Flight>> flights_;
};

/// Refreshes that failed a moment ago, and how: until then the failure is the answer. Bounded.
class Backoff {
public:
    /// The failure that still counts, with retry_after_s set; nullopt = the provider may be asked.
    std::optional<Error> current(const std::string &key, UnixMs now);
    /// After a failure of the provider's: kFirstMs, doubling to kLastMs while failures follow each other;
    /// more if the provider asked for more. After a refusal of our configuration (kProviderError):
    /// kRefusedMs. returns what `current` would
    Error failed(const std::string &key, Error error, UnixMs now);
    void succeeded(const std::string &key);

    static constexpr int64_t kFirstMs = 1000;
    static constexpr int64_t kLastMs = 60 * 1000;
    static constexpr int64_t kRefusedMs = 2000;
    static constexpr int64_t kMaxRetryAfterS = 3600;
    static constexpr size_t kMaxEntries = 100000;

private:
    struct Entry {
        Error error;
        UnixMs until = 0;
        int64_t delay_ms = 0;
    };
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;
};

}  // namespace nexus::control
