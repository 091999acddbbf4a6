// A new zone begins with what the nginx before a binary upgrade had.
#pragma once

#include "ngx_module/cache/zone.h"

namespace nexus::edge::cache {

/// In the master, while nobody else uses the zone. Nothing is believed without being checked; entries keep
/// their age, and as the events of the meantime may have been missed, each is verified when it is first used.
void take_over(const CacheConf &conf) noexcept;

}  // namespace nexus::edge::cache
