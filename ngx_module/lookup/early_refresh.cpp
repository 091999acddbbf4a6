// When a refresh ahead of the end is begun, and by whom.
#include "ngx_module/lookup/early_refresh.h"

#include <algorithm>

#include "ngx_module/conf.h"
#include "ngx_module/worker.h"
#include "shared/connection/state.h"

namespace nexus::edge {
namespace {

constexpr uint64_t kPauseMs = 10'000;  // of this nginx, after an attempt

// From 3/4 to 5/4 of it, by the key's hash, which differs between edges: they do not all come at once.
uint64_t window_ms(ngx_msec_t early_refresh, uint64_t hash) noexcept {
    return early_refresh / 4 * 3 + early_refresh / 2 * (hash >> 54) / 1024;
}

}  // namespace

uint64_t early_refresh_seconds(const CacheConf &conf) noexcept {
    constexpr uint64_t kMost = 3600;  // docs/edge-protocol.md
    return std::min(kMost, conf.early_refresh / 4 * 5 / 1000 + 1);
}

void consider_early_refresh(const Lookup &lookup, const record::TokenView &token) noexcept {
    const ngx_msec_t early_refresh = main_conf(lookup.request)->cache->early_refresh;
    const int64_t left = lookup.header.expires_at - cache::wall_ms();
    if (lookup.header.expires_at == 0 || left <= 0 || static_cast<uint64_t>(left) >= early_refresh / 4 * 5 ||
        !token.refreshable() || token.state() != connection::State::kActive ||
        srv_conf(lookup.request)->control_plane == nullptr) {
        return;
    }

    Worker *w = worker();
    const auto key = cache::parse_key(lookup.kind, lookup.id);
    if (w == nullptr || !key) {
        return;
    }
    if (static_cast<uint64_t>(left) < window_ms(early_refresh, w->records().zone().hash(*key)) &&
        w->records().claim_early_refresh(*key, cache::monotonic_ms() + kPauseMs)) {
        FetchOrder order{.id = lookup.id, .refresh_above_generation = lookup.header.generation};
        order.server = core_srv_conf(lookup.request);
        w->fetches().refresh_early(*key, order);
    }
}

}  // namespace nexus::edge
