// The one table of error codes; errc.h says what each means.
#include "shared/errc.h"

#include <array>
#include <cstddef>

namespace nexus {

namespace {

constexpr std::string_view kInternalCode = "internal_error";

constexpr std::array<ErrcInfo, static_cast<size_t>(Errc::kInternal) + 1> kTable = {{
    // what the caller sent
    {Errc::kInvalidRequest, 400, "invalid_request"},
    {Errc::kInvalidJson, 400, "invalid_json"},
    {Errc::kMissingFields, 400, "missing_fields"},
    {Errc::kInvalidConnectionId, 400, "invalid_connection_id"},
    {Errc::kInvalidProviderId, 400, "invalid_provider_id"},
    {Errc::kInvalidState, 400, "invalid_state"},
    {Errc::kInvalidSince, 400, "invalid_since"},
    {Errc::kReturnUrlNotAllowed, 400, "return_url_not_allowed"},
    {Errc::kPayloadTooLarge, 413, "payload_too_large"},
    {Errc::kStaticToken, 400, "static_token"},
    {Errc::kNoRefreshToken, 400, "no_refresh_token"},
    {Errc::kUnsupportedAuthType, 400, "unsupported_auth_type"},

    // who the caller is
    {Errc::kMissingApiKey, 401, "missing_api_key"},
    {Errc::kInvalidApiKey, 401, "invalid_api_key"},
    {Errc::kMissingCredentials, 401, "missing_credentials"},
    {Errc::kInvalidCredentials, 401, "invalid_credentials"},
    {Errc::kInvalidToken, 401, "invalid_token"},
    {Errc::kTooManyFailures, 429, "too_many_failed_attempts"},
    {Errc::kRateLimited, 429, "rate_limited"},
    {Errc::kInsufficientGrant, 403, "insufficient_grant"},
    {Errc::kAccessDenied, 403, "access_denied"},

    // what was asked for
    {Errc::kNotFound, 404, "not_found"},
    {Errc::kMethodNotAllowed, 405, "method_not_allowed"},
    {Errc::kConnectionNotFound, 404, "connection_not_found"},
    {Errc::kProviderNotFound, 404, "provider_not_found"},
    {Errc::kAgentNotFound, 404, "agent_not_found"},
    {Errc::kIssuerNotFound, 404, "issuer_not_found"},
    {Errc::kProviderExists, 409, "provider_exists"},
    {Errc::kProviderAmbiguous, 409, "provider_ambiguous"},
    {Errc::kConflict, 409, "conflict"},
    {Errc::kAttentionRequired, 409, "attention_required"},
    {Errc::kConnectionPending, 409, "connection_pending"},
    {Errc::kConnectionNotActive, 403, "connection_not_active"},
    {Errc::kConnectionRevoked, 403, "connection_revoked"},

    // what we depend on
    {Errc::kTokenUnavailable, 503, "token_unavailable"},
    {Errc::kProviderError, 502, "upstream_error"},  // the reference implementation's name
    {Errc::kProviderUnavailable, 503, "provider_unavailable"},
    {Errc::kProviderSilent, 503, "provider_unavailable"},  // the difference is nobody's but the refresher's
    {Errc::kEgressDenied, 502, "egress_denied"},
    {Errc::kStoreUnavailable, 503, "store_unavailable"},
    {Errc::kCacheUnavailable, 500, kInternalCode},
    {Errc::kControlPlaneUnavailable, 503, "control_plane_unavailable"},
    {Errc::kOverloaded, 503, "overloaded"},
    {Errc::kInvalidIdToken, 401, "invalid_id_token"},

    // secrets: callers learn that something is wrong here, not what
    {Errc::kInvalidKey, 500, kInternalCode},
    {Errc::kUnknownKey, 500, kInternalCode},
    {Errc::kSealBroken, 500, kInternalCode},
    {Errc::kMalformedRecord, 500, kInternalCode},
    {Errc::kHostNotAllowed, 403, "host_not_allowed"},
    {Errc::kStrategyFailed, 500, kInternalCode},
    {Errc::kCryptoFailure, 500, kInternalCode},

    {Errc::kInternal, 500, kInternalCode},
}};

/// The table is indexed by the enumerator, so each row must stand in its place.
constexpr bool is_in_order() {
    for (size_t i = 0; i < kTable.size(); ++i) {
        if (static_cast<size_t>(kTable[i].errc) != i || kTable[i].http_status == 0) {
            return false;
        }
    }
    return true;
}

static_assert(is_in_order());

}  // namespace

ErrcInfo errc_info(Errc errc) noexcept {
    const auto index = static_cast<size_t>(errc);
    return index < kTable.size() ? kTable[index] : kTable.back();
}

std::span<const ErrcInfo> errc_table() noexcept {
    return kTable;
}

}  // namespace nexus
