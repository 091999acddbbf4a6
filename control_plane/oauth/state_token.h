// The `state` parameter: what the browser carries from the consent to the callback. Signed, ten minutes,
// single use (the store consumes its jti in the callback's transaction). Nothing in it is secret.
//
//   base64url(JSON) "." base64url(HMAC-SHA-256(state key, JSON))
//   JSON: {"kid","jti","workspace_id","provider_id","connection_id","iat","browser"?}   iat in Unix ms
//
// Without `browser` it is a ticket: what the API gives out, good for opening /connect/{ticket} and for
// posting credentials. With it, it is the state that goes to the provider, and only the browser that holds
// the cookie of this digest may bring it back (browser_binding.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control_plane/json/json.h"
#include "shared/clock.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

inline constexpr UnixMs kStateLifetimeMs = 10 * 60 * 1000;
inline constexpr UnixMs kStateSkewMs = 60 * 1000;  // between several nexusd
inline constexpr size_t kMaxStateBytes = 2048;

struct StateClaims {
    std::string jti;  // UUID, the single-use mark
    std::string workspace_id;
    std::string provider_id;
    std::string connection_id;
    UnixMs iat = 0;
    std::string browser;  // "" = a ticket; else base64url(SHA-256(the browser's secret))
};

/// What a standing reconnect link carries: which connection, and nothing that opens it.
///   JSON: {"kid","use":"reconnect","connection_id","iat"}
struct ReconnectClaims {
    std::string connection_id;
    UnixMs iat = 0;
};

inline constexpr UnixMs kReconnectLifetimeMs = 30LL * 24 * 3600 * 1000;

/// Signs with the current STATE_KEY, verifies with the previous ones too.
class StateSigner {
public:
    /// Keys of 32 bytes, the current one first. errors kInvalidKey
    static Result<StateSigner> create(std::vector<Secret> keys);

    std::string sign(const StateClaims &claims) const;
    /// errors kInvalidState: malformed, unknown key, wrong signature, from the future, or older than ten
    /// minutes
    Result<StateClaims> verify(std::string_view token, UnixMs now) const;

    std::string sign_reconnect(const ReconnectClaims &claims) const;
    /// Never what `sign` made, nor the other way round. errors kInvalidState, as verify; 30 days
    Result<ReconnectClaims> verify_reconnect(std::string_view token, UnixMs now) const;

private:
    struct Key {
        std::string id;
        Secret key;
    };
    std::string sign_text(const std::string &json) const;
    Result<json::Value> open_text(std::string_view token) const;
    explicit StateSigner(std::vector<Key> keys) : keys_(std::move(keys)) {}
    std::vector<Key> keys_;
};

/// As signer.verify, but a state that is bound to a browser is none. errors kInvalidState
Result<StateClaims> verify_ticket(const StateSigner &signer, std::string_view token, UnixMs now);

}  // namespace nexus::control
