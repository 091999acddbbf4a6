// What was written to Redis in the last minute. Its servers copy from each other behind their answers: a
// master that is replaced takes along what it was told last.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "shared/redis/keys.h"

namespace nexus::control {

/// Which record.
struct CacheKey {
    redis::EventKind kind{};
    std::string id;

    auto operator<=>(const CacheKey &) const = default;
};

class RecentWrites {
public:
    using Time = std::chrono::steady_clock::time_point;

    static constexpr std::chrono::seconds kKept{60};
    static constexpr size_t kMost = 65536;  // the oldest go first

    void note(CacheKey key, Time now);
    /// Each once.
    std::vector<CacheKey> all(Time now) const;

private:
    struct Write {
        Time at;
        CacheKey key;
    };
    std::deque<Write> writes_;
};

}  // namespace nexus::control
