// Asks Sentinels who the master is. Whether that one says so itself is asked by the connection to it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "control_plane/redis/connection.h"

namespace nexus::control {

class MasterFinder {
public:
    MasterFinder(const RedisTarget &target, const RedisOptions &options, Metrics *metrics);

    /// Asked again after a second, so that a master that was cut off from the others is not written to for
    /// long, and each ten seconds of another Sentinel, since one may be cut off as well. If none answers, it
    /// is the one that was known, for ten. errors kCacheUnavailable: no Sentinel knows it
    Result<resp::HostPort> master();
    /// It is to be asked for anew.
    void doubt() noexcept { is_known_ = false; }

private:
    Result<resp::HostPort> ask();
    Result<resp::HostPort> ask_one(size_t place);
    Result<resp::HostPort> ask_all();

    const RedisTarget &target_;
    std::vector<std::unique_ptr<RedisConnection>> sentinels_;
    size_t current_ = 0;  // who is asked first
    std::optional<resp::HostPort> master_;
    bool is_known_ = false;
    std::chrono::steady_clock::time_point ask_again_at_{};
    std::chrono::steady_clock::time_point ask_another_at_{};
};

}  // namespace nexus::control
