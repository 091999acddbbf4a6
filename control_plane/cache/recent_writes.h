// What was written to Redis in its last minute. Its servers copy from each other behind their answers: a
// master that is replaced takes along what it was told last.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "shared/redis/keys.h"
#include "shared/resp/host_port.h"

namespace nexus::control {

/// Which record.
struct CacheKey {
    redis::EventKind kind{};
    std::string id;

    auto operator<=>(const CacheKey &) const = default;
};

/// A server's minute is counted back from its last answer: while it is away nothing of it is forgotten,
/// however late another one takes over.
class RecentWrites {
public:
    using Time = std::chrono::steady_clock::time_point;

    static constexpr std::chrono::seconds kKept{60};
    static constexpr size_t kMost = 65536;  // of all servers; the oldest go first

    void note(const resp::HostPort &server, CacheKey key, Time now);
    /// It still is who it was.
    void answered(const resp::HostPort &server, Time now);
    /// Each once; they are forgotten here.
    std::vector<CacheKey> take();

private:
    struct Write {
        Time at;
        CacheKey key;
    };
    void drop_oldest();

    std::map<resp::HostPort, std::deque<Write>> writes_;  // none of them empty
    size_t count_ = 0;
};

}  // namespace nexus::control
