// Turns a presented key into a caller. Keys of the environment are compared in constant time; agents' keys
// (nxa_) and scoped control-plane keys (nxk_) are found by their SHA-256, which is then compared in constant
// time too. Which routes a caller may enter is api/'s business.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "control_plane/config/config.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/services/access/last_used.h"
#include "control_plane/services/access/scope.h"
#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control {

struct Presented {
    std::string_view key;           // X-API-Key, or the Bearer token
    std::string_view on_behalf_of;  // X-Nexus-Agent: believed beside a control-plane key only
    std::string_view ip_address;
    std::string_view user_agent;
};

struct Authenticated {
    Caller caller;
    std::optional<Scopes> scopes;  // of the control-plane key that was sent; nullopt: an agent's own key
    bool is_agent() const { return caller.kind == Caller::Kind::kAgent; }
};

class Authenticator {
public:
    /// last_used  may be null
    Authenticator(store::Database &database, std::span<const ControlKey> keys, Clock clock,
                  LastUsed *last_used = nullptr)
        : database_(database), keys_(keys), clock_(std::move(clock)), last_used_(last_used) {}

    /// errors kMissingApiKey; kInvalidApiKey (unknown, malformed, expired, revoked, of a suspended workspace;
    ///        X-Nexus-Agent names no living agent within the key's workspace, or comes with an agent's key);
    ///        kStoreUnavailable
    Result<Authenticated> authenticate(const Presented &presented) const;
    /// Is it a control-plane key that lives, whatever it may do?
    bool is_control_key(std::string_view key) const;

private:
    /// The control-plane key of this text; no value: it is none.
    Result<std::optional<Caller>> control_key(std::string_view key) const;
    Result<store::Agent> agent_by_key(std::string_view key) const;
    Result<store::Agent> agent_by_id(std::string_view id) const;
    store::Database &database_;
    std::span<const ControlKey> keys_;
    Clock clock_;
    LastUsed *last_used_;
};

}  // namespace nexus::control
