// Who may enter which route: keys, scopes and networks. What a caller may do with an object is the services'
// business.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "control_plane/server/router.h"
#include "control_plane/services/authenticator.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

/// Whom a route lets in.
struct Access {
    enum class Kind : uint8_t { kPublic, kControl, kEdge, kGateway };
    Kind kind = Kind::kControl;
    Scope scope = Scope::kEdge;  // kControl and kEdge: the scope that the control-plane key needs

    bool operator==(const Access &) const = default;
};

/// No key: probes, metrics, and flows that a signed state opens.
inline constexpr Access kPublic{Access::Kind::kPublic, Scope::kEdge};
/// A control-plane key with this scope.
constexpr Access control(Scope scope) {
    return {Access::Kind::kControl, scope};
}
/// A control-plane key of scope edge.
inline constexpr Access kEdge{Access::Kind::kEdge, Scope::kEdge};
/// An agent: by its own key, or named in X-Nexus-Agent beside a key of scope edge; or a control-plane key
/// with every scope itself (never one that is bound to a workspace).
inline constexpr Access kGateway{Access::Kind::kGateway, Scope::kEdge};

using CallerHandler = std::function<Result<Response>(const Request &, const Caller &)>;

class Gate {
public:
    Gate(const Authenticator &authenticator, const std::vector<net::Cidr> &allowed_cidrs)
        : authenticator_(authenticator), allowed_cidrs_(allowed_cidrs) {}

    /// errors kMissingApiKey, kInvalidApiKey (also: several keys), kInsufficientGrant (key of another kind),
    ///        kAccessDenied (a control-plane key from outside ALLOWED_CIDRS), kStoreUnavailable
    Result<Caller> admit(const Request &request, Access access) const;

    Handler guard(Access access, CallerHandler handler) const;

private:
    bool is_allowed_address(std::string_view ip) const;
    const Authenticator &authenticator_;
    const std::vector<net::Cidr> &allowed_cidrs_;
};

}  // namespace nexus::control
