// Why an id_token was refused: one code for each check, the same in the metric (oidc_verifications_total),
// the log (id_token_refused) and the audit event (id_token_verification_failed). docs/oidc.md says what each
// means and what to do; a test holds the two together. A code names the check, never what the token said.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "shared/jose/refusal.h"
#include "shared/result.h"

namespace nexus::control {

enum class IdTokenRefusal : uint8_t {
    kMissing,  // the provider sent none, though it was asked for one
    // Form
    kTooLarge,
    kMalformed,  // not three parts of base64url
    kEncrypted,  // a JWE
    // Header
    kHeaderMalformed,  // no JSON object, or alg or kid is no text
    kHeaderDuplicateMember,
    kCrit,  // RFC 7515 section 4.1.11: we understand no extension
    kB64,   // RFC 7797: a payload that is not encoded
    kTyp,   // another kind of JWT, such as an access token (RFC 9068)
    kAlgNone,
    kAlgHmac,
    kAlgUnknown,
    kAlgNotAccepted,  // by the provider's profile
    // Key
    kKeysUnavailable,  // discovery or the key set could not be had
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
    kIssuerMissing,
    kIssuer,
    kAudienceMissing,
    kAudienceMalformed,
    kAudience,
    kAzpMissing,  // several audiences
    kAzp,
    kExpMissing,
    kIatMissing,
    kTimeMalformed,  // exp, iat or nbf is no whole number of seconds in bounds, or they contradict each other
    kExpired,
    kNotYetValid,
    kIssuedInFuture,
    kNonceMissing,
    kNonce,
    kNonceUnexpected,  // we sent none: it is of somebody else's flow
    kSubjectMissing,
    kSubjectMalformed,
    kSubjectChanged,  // a refreshed id_token of another account
    kAtHash,
    kCHash,
};

/// The code: snake_case, stable.
std::string_view to_string(IdTokenRefusal refusal) noexcept;

/// kInvalidIdToken whose detail is the code, with a sentence as message.
tl::unexpected<Error> refused(IdTokenRefusal refusal);
/// The same for what shared/jose/ refused: up to jose::kLastOfJws.
tl::unexpected<Error> refused(jose::Refusal refusal);

/// The code of an error of verification; "internal" for one that is no refusal.
std::string_view refusal_code(const Error &error) noexcept;

/// All of them, in order.
std::span<const IdTokenRefusal> id_token_refusals() noexcept;

}  // namespace nexus::control
