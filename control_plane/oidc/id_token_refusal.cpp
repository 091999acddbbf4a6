// Why an id_token was refused: see id_token_refusal.h.
#include "control_plane/oidc/id_token_refusal.h"

#include <algorithm>
#include <array>
#include <string>

namespace nexus::control {

namespace {

using enum IdTokenRefusal;

struct Words {
    IdTokenRefusal refusal;
    std::string_view code;
    std::string_view sentence;
};

// In the order of the enumeration.
constexpr auto kWords = std::to_array<Words>({
    {kMissing, "id_token_missing", "the provider sent none"},
    {kTooLarge, "too_large", "it is too large"},
    {kMalformed, "malformed", "it is no signed JWT"},
    {kEncrypted, "encrypted", "it is encrypted"},
    {kHeaderMalformed, "header_malformed", "its header is malformed"},
    {kHeaderDuplicateMember, "header_duplicate_member", "its header has a member twice"},
    {kCrit, "crit", "its header demands extensions that are not supported"},
    {kB64, "b64", "its payload is not encoded"},
    {kTyp, "typ", "it is another kind of JWT"},
    {kAlgNone, "alg_none", "it is not signed"},
    {kAlgHmac, "alg_hmac", "it is signed with a shared secret"},
    {kAlgUnknown, "alg_unknown", "its signature algorithm is not allowed"},
    {kAlgNotAccepted, "alg_not_accepted", "its signature algorithm is not among the provider's"},
    {kKeysUnavailable, "keys_unavailable", "the provider's keys cannot be had"},
    {kUnknownKid, "unknown_kid", "the provider publishes no key of its kid"},
    {kNoKey, "no_key", "it names no key, and none that is published fits"},
    {kAmbiguousKey, "ambiguous_key", "more than one published key fits"},
    {kKeyUse, "key_use", "its key is not published for verifying signatures"},
    {kKeyWeak, "key_weak", "its key is too weak"},
    {kKeyMalformed, "key_malformed", "its key is malformed or of no known type"},
    {kKeyExposed, "key_exposed", "its key is published with its private part"},
    {kKeyMismatch, "key_mismatch", "its key is for another algorithm"},
    {kSignature, "signature", "its signature is wrong"},
    {kPayloadMalformed, "payload_malformed", "its payload is no JSON object"},
    {kPayloadDuplicateMember, "payload_duplicate_member", "its payload has a member twice"},
    {kIssuerMissing, "issuer_missing", "it names no issuer"},
    {kIssuer, "issuer", "its issuer is not the pinned one"},
    {kAudienceMissing, "audience_missing", "it names no audience"},
    {kAudienceMalformed, "audience_malformed", "its audience is neither a text nor a list of texts"},
    {kAudience, "audience", "its audience is not this client"},
    {kAzpMissing, "azp_missing", "it is for several audiences and names no authorized party"},
    {kAzp, "azp", "its authorized party is not this client"},
    {kExpMissing, "exp_missing", "it has no exp"},
    {kIatMissing, "iat_missing", "it has no iat"},
    {kTimeMalformed, "time_malformed", "its exp, iat or nbf makes no sense"},
    {kExpired, "expired", "it has expired"},
    {kNotYetValid, "not_yet_valid", "it is not valid yet"},
    {kIssuedInFuture, "issued_in_future", "it was issued in the future"},
    {kNonceMissing, "nonce_missing", "it has no nonce"},
    {kNonce, "nonce", "its nonce is not the one that was sent"},
    {kNonceUnexpected, "nonce_unexpected", "it has a nonce, and none was sent"},
    {kSubjectMissing, "subject_missing", "it names no subject"},
    {kSubjectMalformed, "subject_malformed", "its subject is not 1 to 255 characters of ASCII"},
    {kSubjectChanged, "subject_changed", "its subject is another account"},
    {kAtHash, "at_hash", "it came with another access token"},
    {kCHash, "c_hash", "it came with another code"},
});

constexpr bool is_in_order() {
    for (size_t i = 0; i < kWords.size(); ++i) {
        if (kWords[i].refusal != static_cast<IdTokenRefusal>(i)) {
            return false;
        }
    }
    return kWords.back().refusal == kCHash;
}
static_assert(is_in_order());

/// One check, one code, whoever makes it.
const Words &words_of(jose::Refusal refusal) {
    return *std::find_if(kWords.begin(), kWords.end(),
                         [&](const Words &words) { return words.code == jose::to_string(refusal); });
}

constexpr auto kAll = [] {
    std::array<IdTokenRefusal, kWords.size()> all{};
    std::transform(kWords.begin(), kWords.end(), all.begin(),
                   [](const Words &words) { return words.refusal; });
    return all;
}();

}  // namespace

std::string_view to_string(IdTokenRefusal refusal) noexcept {
    return kWords[static_cast<size_t>(refusal)].code;
}

tl::unexpected<Error> refused(IdTokenRefusal refusal) {
    const Words &words = kWords[static_cast<size_t>(refusal)];
    return fail(Errc::kInvalidIdToken, "id_token refused: " + std::string{words.sentence},
                std::string{words.code});
}

tl::unexpected<Error> refused(jose::Refusal refusal) {
    return refused(words_of(refusal).refusal);
}

std::string_view refusal_code(const Error &error) noexcept {
    const bool is_refusal = error.errc == Errc::kInvalidIdToken && !error.detail.empty();
    return is_refusal ? std::string_view{error.detail} : "internal";
}

std::span<const IdTokenRefusal> id_token_refusals() noexcept {
    return kAll;
}

}  // namespace nexus::control
