// When a connection's token is to be renewed: early enough that a slow provider and a few failures do not
// matter, and spread, so that tokens that were given together do not end together.
#pragma once

#include <string_view>

#include "shared/clock.h"

namespace nexus::connection {

inline constexpr int64_t kLongestMarginMs = 5 * 60 * 1000;
inline constexpr int64_t kLeastPauseMs = 5 * 1000;  // between two refreshes, however short a token lives

/// now         when the token was given
/// expires_at  its hard expiry; 0 = it has none
/// slow_ms     how long the provider takes at worst (p99)
/// returns     expires_at less the larger of a margin (a fifth of the lifetime, at most kLongestMarginMs) and
///             4 * slow_ms (at most half of the lifetime), less a jitter of up to a tenth of the lifetime, by
///             the id's hash; 0 = never
UnixMs refresh_due_at(std::string_view connection_id, UnixMs now, UnixMs expires_at,
                      int64_t slow_ms = 0) noexcept;

}  // namespace nexus::connection
