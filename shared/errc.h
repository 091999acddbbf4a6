// Every expected failure of the product, with what callers see of it: HTTP status and the `error` code of the
// body (DESIGN 4). One table, so that the edge and the control plane cannot disagree. How gRPC callers
// are told: ngx_module/answer/grpc_answer.cpp.
#pragma once

#include <span>
#include <string_view>

namespace nexus {

enum class Errc {
    // what the caller sent
    kInvalidRequest,       // a member or parameter has the wrong type, form or range
    kInvalidJson,          // the body is no JSON object
    kMissingFields,        // a required member is absent
    kInvalidConnectionId,  // not a UUID
    kInvalidProviderId,    // not a UUID
    kInvalidState,         // OAuth `state` unknown, expired, used or forged
    kInvalidSince,         // GET /audit: `since` or `until` is no RFC 3339 time
    kReturnUrlNotAllowed,  // return_url outside ALLOWED_RETURN_DOMAINS
    kPayloadTooLarge,      // body above the limit
    kStaticToken,          // refresh asked of a credential that cannot be refreshed
    kNoRefreshToken,       // the provider gave no refresh token
    kUnsupportedAuthType,  // this auth_type cannot be connected (yet)

    // who the caller is
    kMissingApiKey,       // no key where one is needed
    kInvalidApiKey,       // unknown, malformed, expired or revoked key
    kMissingCredentials,  // the same where keys are not the only way to say who one is
    kInvalidCredentials,  // a certificate or a socket's peer that nobody is known by
    kInvalidToken,        // a caller's JWT that was refused, or that no agent is known by
    kTooManyFailures,     // too many failed attempts from this address
    kRateLimited,         // edge: over a nexus_limit
    kInsufficientGrant,   // known caller, missing grant or scope
    kAccessDenied,        // an address, an origin, a suspended workspace, a request rule

    // what was asked for
    kNotFound,            // no such route or object
    kMethodNotAllowed,    // route exists, method does not
    kConnectionNotFound,  // unknown, or of a workspace the caller may not see
    kProviderNotFound,
    kAgentNotFound,
    kIssuerNotFound,       // no such trusted issuer of callers' JWTs
    kProviderExists,       // name taken
    kProviderAmbiguous,    // several providers answer to the name
    kConflict,             // the object changed underneath the caller
    kAttentionRequired,    // connection needs a person
    kConnectionPending,    // consent not finished
    kConnectionNotActive,  // failed or expired
    kConnectionRevoked,

    // what we depend on
    kTokenUnavailable,         // active, token expired, nothing can refresh it now
    kProviderError,            // the provider answered, but not usefully
    kProviderUnavailable,      // the provider could not be reached (nothing was sent), or asked us to wait
    kProviderSilent,           // asked, or perhaps asked, and no whole answer came: it may have acted
    kEgressDenied,             // the address is outside what EGRESS_ALLOWED_CIDRS and the deny list allow
    kStoreUnavailable,         // database away
    kCacheUnavailable,         // Redis away
    kControlPlaneUnavailable,  // edge: nexusd away
    kOverloaded,               // a queue is full
    kInvalidIdToken,           // id_token refused

    // secrets
    kInvalidKey,       // key material missing, short or not base64
    kUnknownKey,       // sealed with a key that is not on the keyring
    kSealBroken,       // authentication failed: damaged, moved or forged
    kMalformedRecord,  // right seal, wrong content; or no record at all
    kHostNotAllowed,   // the credential must not go to this host
    kStrategyFailed,   // the record lacks what its strategy needs
    kCryptoFailure,    // OpenSSL refused

    kInternal,
};

struct ErrcInfo {
    Errc errc;
    int http_status;
    std::string_view code;  // `error` and `code` in the body, label in metrics
};

/// Status and code that callers see for `errc`. Internal causes (kSealBroken, ...) show as `internal_error`.
ErrcInfo errc_info(Errc errc) noexcept;

/// The whole table, in the order of the enumerators: for the manual and its tests.
std::span<const ErrcInfo> errc_table() noexcept;

}  // namespace nexus
