// How long providers take: see slowness.h.
#include "control_plane/refresh/slowness.h"

#include <algorithm>

namespace nexus::control {

void Slowness::record(const std::string &provider_id, int64_t took_ms) {
    const std::scoped_lock lock(mutex_);
    if (providers_.size() >= kMaxProviders && !providers_.contains(provider_id)) {
        return;
    }
    Samples &samples = providers_[provider_id];
    samples.ms[samples.count++ % kSamples] = took_ms;
}

int64_t Slowness::p99_ms(const std::string &provider_id) const {
    const std::scoped_lock lock(mutex_);
    const auto found = providers_.find(provider_id);
    if (found == providers_.end()) {
        return 0;
    }
    std::array<int64_t, kSamples> sorted = found->second.ms;
    const size_t count = std::min(found->second.count, kSamples);
    const auto p99 = sorted.begin() + static_cast<std::ptrdiff_t>((count - 1) * 99 / 100);
    std::nth_element(sorted.begin(), p99, sorted.begin() + static_cast<std::ptrdiff_t>(count));
    return *p99;
}

}  // namespace nexus::control
