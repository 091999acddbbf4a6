// Why a JSON Web Token was refused: one code for each check, for logs and metrics. A code names the check,
// never what the token said.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace nexus::jose {

enum class Refusal : uint8_t {
    // Form
    kTooLarge,
    kMalformed,  // not three parts of base64url
    kEncrypted,  // a JWE
    // Header
    kHeaderMalformed,  // no JSON object, or alg or kid is no text
    kHeaderDuplicateMember,
    kCrit,  // RFC 7515 section 4.1.11: we understand no extension
    kB64,   // RFC 7797: a payload that is not encoded
    kTyp,   // another kind of JWT than the one wanted (RFC 8725 section 3.11)
    kAlgNone,
    kAlgHmac,
    kAlgUnknown,
    kAlgNotAccepted,
    // Key
    kUnknownKid,
    kNoKey,         // no kid, and no key that fits
    kAmbiguousKey,  // several keys fit
    kKeyUse,        // use or key_ops does not say that it verifies
    kKeyWeak,
    kKeyMalformed,
    kKeyExposed,   // the set publishes its private part
    kKeyMismatch,  // for another algorithm
    kSignature,
    // Payload
    kPayloadMalformed,
    kPayloadDuplicateMember,
    // Claims of an access token (access_token.h)
    kIssuerMissing,
    kIssuer,
    kAudienceMissing,
    kAudienceMalformed,
    kAudience,
    kExpMissing,
    kIatMissing,     // where its age is limited
    kTimeMalformed,  // exp, iat or nbf is no whole number of seconds in bounds, or they contradict each other
    kExpired,
    kNotYetValid,
    kIssuedInFuture,
    kTooOld,
    kSubjectMissing,
    kSubjectMalformed,
};

inline constexpr Refusal kLastOfJws = Refusal::kPayloadDuplicateMember;

/// The code: snake_case, stable.
std::string_view to_string(Refusal refusal) noexcept;

/// All of them, in order.
std::span<const Refusal> refusals() noexcept;

}  // namespace nexus::jose
