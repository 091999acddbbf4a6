// Lifetimes of records that nexusd writes.
#include "shared/redis/lifetime.h"
#include "control_plane/cache/cache_writer.h"

namespace nexus::control {

int64_t token_lifetime_ms(const record::TokenRecord &record, UnixMs now) noexcept {
    return redis::record_lifetime_ms(record::header_of(record), now);
}

int64_t caller_lifetime_ms(const record::CallerRecord &record, UnixMs now) noexcept {
    return redis::record_lifetime_ms(record::header_of(record), now);
}

int64_t issuer_lifetime_ms(const record::IssuerRecord &record) noexcept {
    return redis::record_lifetime_ms(record::header_of(record), 0);
}

}  // namespace nexus::control
