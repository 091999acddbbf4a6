// Lifetimes of records in Redis, by kind and state.
#include "shared/redis/lifetime.h"

#include <algorithm>

#include "shared/connection/state.h"
#include "shared/record/caller_record.h"
#include "shared/record/issuer_record.h"

namespace nexus::redis {

namespace {

constexpr int64_t kHour = 3600 * 1000;
constexpr int64_t kDay = 24 * kHour;

}  // namespace

int64_t record_lifetime_ms(const record::Header &header, UnixMs now) noexcept {
    const int64_t left = header.expires_at - now;
    if (header.kind == record::Kind::kToken) {
        if (header.state != static_cast<uint8_t>(connection::State::kActive)) {
            return kHour;
        }
        return header.expires_at == 0 ? kDay : left;
    }
    const auto ended = header.kind == record::Kind::kIssuer
                           ? static_cast<uint8_t>(record::IssuerState::kRemoved)
                           : static_cast<uint8_t>(record::CallerState::kRevoked);
    if (header.state == ended) {
        return kDay;
    }
    return header.expires_at == 0 ? kHour : std::min(kHour, left);
}

}  // namespace nexus::redis
