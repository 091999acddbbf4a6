// nexus_provider_pause: a provider that answers 429 (or 503) with Retry-After is left alone for that long,
// connection by connection: the edge answers in its place. Asking on makes such providers pause for longer,
// and costs the caller a round trip for nothing.
#pragma once

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge::provider_pause {

/// In the shared memory of all workers; kept over reloads and binary upgrades. returns NGX_OK or NGX_ERROR
ngx_int_t add_zone(ngx_conf_t *cf) noexcept;

/// Registers the header filter, which listens to providers; in postconfiguration.
void init() noexcept;

/// Seconds for which the connection's provider wants to be left alone; 0 = it may be asked.
int seconds_to_wait(const Access &access) noexcept;

}  // namespace nexus::edge::provider_pause
