// A direct-mapped table: see verified_tokens.h.
#include "ngx_module/caller/verified_tokens.h"

#include <utility>

namespace nexus::edge {

size_t VerifiedTokens::slot_of(const crypto::Sha256 &digest) noexcept {
    return (static_cast<size_t>(digest[0]) << 8 | digest[1]) % kSlots;
}

const VerifiedToken *VerifiedTokens::find(const crypto::Sha256 &token_sha256, int64_t now_s) const noexcept {
    if (slots_.empty()) {
        return nullptr;
    }
    const VerifiedToken &slot = slots_[slot_of(token_sha256)];
    return slot.expires_at_s > now_s && slot.token_sha256 == token_sha256 ? &slot : nullptr;
}

void VerifiedTokens::remember(VerifiedToken token) {
    if (slots_.empty()) {
        slots_.resize(kSlots);
    }
    VerifiedToken &slot = slots_[slot_of(token.token_sha256)];
    slot = std::move(token);
}

}  // namespace nexus::edge
