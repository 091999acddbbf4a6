#include "control_plane/cache/recent_writes.h"

#include <set>

namespace nexus::control {

void RecentWrites::note(CacheKey key, Time now) {
    while (!writes_.empty() && (writes_.size() >= kMost || now - writes_.front().at > kKept)) {
        writes_.pop_front();
    }
    writes_.push_back({now, std::move(key)});
}

std::vector<CacheKey> RecentWrites::all(Time now) const {
    std::set<CacheKey> keys;
    for (const Write &write : writes_) {
        if (now - write.at <= kKept) {
            keys.insert(write.key);
        }
    }
    return {keys.begin(), keys.end()};
}

}  // namespace nexus::control
