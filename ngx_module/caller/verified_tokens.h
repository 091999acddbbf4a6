// JWTs that this worker has verified lately: a signature is paid for once and not per request. Kept are
// digests only, in a table of fixed size, and no longer than a token is good or its issuer's record is the
// one that verified it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/crypto/digest.h"

namespace nexus::edge {

struct VerifiedToken {
    crypto::Sha256 token_sha256{};
    crypto::Sha256Hex issuer_sha256{};  // of the issuer record
    crypto::Sha256Hex caller_sha256{};  // of the identity
    uint64_t issuer_generation = 0;
    int64_t expires_at_s = 0;
    std::string workspace_id;  // of the issuer
};

class VerifiedTokens {
public:
    static constexpr size_t kSlots =
        4096;  // a newer token takes the place of one that falls on the same slot

    /// nullptr: not known, or no longer good. Valid until the next `remember`.
    const VerifiedToken *find(const crypto::Sha256 &token_sha256, int64_t now_s) const noexcept;
    void remember(VerifiedToken token);

private:
    static size_t slot_of(const crypto::Sha256 &digest) noexcept;
    std::vector<VerifiedToken> slots_;  // empty until the first one comes
};

}  // namespace nexus::edge
