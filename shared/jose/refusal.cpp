// The codes of refusals: see refusal.h.
#include "shared/jose/refusal.h"

#include <algorithm>
#include <array>

namespace nexus::jose {

namespace {

constexpr auto kCodes = std::to_array<std::string_view>({
    "too_large",
    "malformed",
    "encrypted",
    "header_malformed",
    "header_duplicate_member",
    "crit",
    "b64",
    "typ",
    "alg_none",
    "alg_hmac",
    "alg_unknown",
    "alg_not_accepted",
    "unknown_kid",
    "no_key",
    "ambiguous_key",
    "key_use",
    "key_weak",
    "key_malformed",
    "key_exposed",
    "key_mismatch",
    "signature",
    "payload_malformed",
    "payload_duplicate_member",
    "issuer_missing",
    "issuer",
    "audience_missing",
    "audience_malformed",
    "audience",
    "exp_missing",
    "iat_missing",
    "time_malformed",
    "expired",
    "not_yet_valid",
    "issued_in_future",
    "too_old",
    "subject_missing",
    "subject_malformed",
});
static_assert(kCodes.size() == static_cast<size_t>(Refusal::kSubjectMalformed) + 1);
static_assert(kCodes[static_cast<size_t>(Refusal::kSignature)] == "signature");
static_assert(kCodes[static_cast<size_t>(Refusal::kExpired)] == "expired");

constexpr auto kAll = [] {
    std::array<Refusal, kCodes.size()> all{};
    for (size_t i = 0; i < all.size(); ++i) {
        all[i] = static_cast<Refusal>(i);
    }
    return all;
}();

}  // namespace

std::string_view to_string(Refusal refusal) noexcept {
    return kCodes[static_cast<size_t>(refusal)];
}

std::span<const Refusal> refusals() noexcept {
    return kAll;
}

}  // namespace nexus::jose
