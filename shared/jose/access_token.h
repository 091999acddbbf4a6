// JWTs that callers present (RFC 7519, RFC 9068): what names the issuer, and whether a trusted issuer's token
// is good now. Nothing in a token is believed before its signature is verified, except to look up whose it
// says it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "shared/jose/compact.h"
#include "shared/jose/jwk_set.h"
#include "shared/jose/refusal.h"

namespace nexus::jose {

inline constexpr size_t kMaxAccessTokenBytes = 8 * 1024;

/// What an issuer's tokens must be like.
struct AccessTokenPolicy {
    std::string issuer;
    std::vector<std::string> audiences;   // the token must name one of them; never empty
    std::vector<std::string> algorithms;  // never empty
    int64_t leeway_s = 0;                 // between the issuer's clock and ours
    int64_t max_age_s = 0;                // since iat; 0 = as long as exp says
};

/// A claim that nobody has verified: only good for finding the issuer's keys.
struct UnverifiedToken {
    std::string issuer;
    std::string kid;  // "" = none
};

/// errors  of form and header; kIssuerMissing, kIssuer (no issuer that anybody can have)
tl::expected<UnverifiedToken, Refusal> read_unverified(std::string_view token);

struct AccessToken {
    std::string subject;
    int64_t expires_at_s = 0;  // the last second of its use, leeway and age taken into account
};

/// source  RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4
tl::expected<AccessToken, Refusal> verify_access_token(std::string_view token,
                                                       const AccessTokenPolicy &policy, const JwkSet &keys,
                                                       int64_t now_s);

}  // namespace nexus::jose
