// Verifies an id_token (OpenID Connect Core section 3.1.3.7): signature by the pinned issuer's keys (jws.h),
// then the claims. Where the keys come from is discovery.h's business; nothing in the token is believed
// before its signature is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/oidc/identity_claims.h"
#include "control_plane/oidc/jws.h"
#include "control_plane/oidc/settings.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace nexus::control {

inline constexpr size_t kMaxIdTokenBytes = kMaxJwsBytes;

/// What the token must say. Views are borrowed for the call.
struct IdTokenExpectation {
    std::string issuer{};
    std::string client_id{};
    /// What the authorization request sent; nullopt = none was sent, and none may come back. On refresh: the
    /// original one where it is known; a refreshed token may leave it out (section 12.2).
    std::optional<std::string> nonce{};
    UnixMs now = 0;
    bool is_refresh = false;
    std::string subject{};                      // refresh: the account that it must be; "" = not known
    std::string_view access_token{};            // for at_hash; "" = not looked at
    std::string_view code{};                    // for c_hash; "" = not looked at
    std::vector<std::string> algorithms{};      // that the provider's profile accepts; empty = all
    int64_t clock_skew_s = kDefaultClockSkewS;  // between the provider's clock and ours, either way
};

struct IdClaims {
    std::string subject;
    IdentityClaims identity;  // its sub is the subject
};

/// errors kInvalidIdToken, with a message that names the check and a code of IdTokenRefusal as detail; never
/// the token or what a claim says
Result<IdClaims> verify_id_token(std::string_view token, const jose::JwkSet &keys,
                                 const IdTokenExpectation &expected);
/// The same with the header read before.
Result<IdClaims> verify_id_token(std::string_view token, const jose::JoseHeader &header,
                                 const jose::JwkSet &keys, const IdTokenExpectation &expected);

/// The nonce of a token that was verified when it came; nullopt = it has none.
std::optional<std::string> nonce_of_kept_id_token(std::string_view token);

}  // namespace nexus::control
