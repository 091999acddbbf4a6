// How long providers take at worst, as this process has seen it: the margin before a token's expiry grows
// with it. Lost at a restart, and learned again.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace nexus::control {

class Slowness {
public:
    static constexpr size_t kSamples = 128;
    static constexpr size_t kMaxProviders = 10000;

    void record(const std::string &provider_id, int64_t took_ms);
    /// p99 of the last kSamples; 0 = nothing is known
    int64_t p99_ms(const std::string &provider_id) const;

private:
    struct Samples {
        std::array<int64_t, kSamples> ms{};
        size_t count = 0;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Samples> providers_;
};

}  // namespace nexus::control
