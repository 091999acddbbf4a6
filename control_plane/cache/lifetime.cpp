// Lifetimes of records in Redis (docs/edge-protocol.md).
#include <algorithm>

#include "control_plane/cache/cache_writer.h"

namespace nexus::control {

namespace {

constexpr int64_t kHour = 3600 * 1000;
constexpr int64_t kDay = 24 * kHour;

}  // namespace

int64_t token_lifetime_ms(const record::TokenRecord &record, UnixMs now) noexcept {
    if (record.state != connection::State::kActive) {
        return kHour;
    }
    return record.expires_at == 0 ? kDay : record.expires_at - now;
}

int64_t caller_lifetime_ms(const record::CallerRecord &record, UnixMs now) noexcept {
    if (record.state == record::CallerState::kRevoked) {
        return kDay;
    }
    return record.expires_at == 0 ? kHour : std::min(kHour, record.expires_at - now);
}

}  // namespace nexus::control
