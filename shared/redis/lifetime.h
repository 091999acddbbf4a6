// How long Redis keeps a record (docs/edge-protocol.md): a rule that both halves write by.
#pragma once

#include "shared/clock.h"
#include "shared/record/envelope.h"

namespace nexus::redis {

/// Milliseconds from `now`; 0 or less: it has expired, and is not written.
int64_t record_lifetime_ms(const record::Header &header, UnixMs now) noexcept;

}  // namespace nexus::redis
