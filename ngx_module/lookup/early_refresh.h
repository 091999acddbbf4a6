// Refreshing a token ahead of its end, in the background, so that no request meets the end itself.
#pragma once

#include "ngx_module/cache/zone.h"
#include "ngx_module/lookup/lookup.h"
#include "shared/record/token_record.h"

namespace nexus::edge {

/// The most that a token may have left when its early refresh is asked for, in seconds.
uint64_t early_refresh_seconds(const CacheConf &conf) noexcept;

/// To be called with each token that is used; nothing waits for what this begins.
void consider_early_refresh(const Lookup &lookup, const record::TokenView &token) noexcept;

}  // namespace nexus::edge
