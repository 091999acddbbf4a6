#include "control_plane/cache/recent_writes.h"

#include <algorithm>
#include <set>
#include <utility>

namespace nexus::control {

void RecentWrites::answered(const resp::HostPort &server, Time now) {
    const auto found = writes_.find(server);
    if (found == writes_.end()) {
        return;
    }
    std::deque<Write> &writes = found->second;
    while (!writes.empty() && now - writes.front().at > kKept) {
        writes.pop_front();
        --count_;
    }
    if (writes.empty()) {
        writes_.erase(found);
    }
}

void RecentWrites::drop_oldest() {
    const auto oldest = std::ranges::min_element(
        writes_, {}, [](const auto &of_server) { return of_server.second.front().at; });
    oldest->second.pop_front();
    --count_;
    if (oldest->second.empty()) {
        writes_.erase(oldest);
    }
}

void RecentWrites::note(const resp::HostPort &server, CacheKey key, Time now) {
    answered(server, now);
    if (count_ >= kMost) {
        drop_oldest();
    }
    writes_[server].push_back({now, std::move(key)});
    ++count_;
}

std::vector<CacheKey> RecentWrites::take() {
    std::set<CacheKey> keys;
    for (auto &[server, writes] : std::exchange(writes_, {})) {
        for (Write &write : writes) {
            keys.insert(std::move(write.key));
        }
    }
    count_ = 0;
    return {keys.begin(), keys.end()};
}

}  // namespace nexus::control
