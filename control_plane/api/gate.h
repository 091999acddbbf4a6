// Who may enter which route: keys, scopes and networks. What a caller may do with an object is the services'
// business.
#pragma once

#include <functional>
#include <string_view>

#include "control_plane/server/router.h"
#include "control_plane/services/access/authenticator.h"
#include "control_plane/services/audit/refusal_audit.h"

namespace nexus::control {

/// Whom a route lets in.
struct Access {
    enum class Kind : uint8_t { kPublic, kMetrics, kControl, kEdge, kGateway };
    Kind kind = Kind::kControl;
    Scope scope = Scope::kEdge;  // kControl and kEdge: the scope that the control-plane key needs

    bool operator==(const Access &) const = default;
};

/// No key: probes, metrics, and flows that a signed state opens.
inline constexpr Access kPublic{Access::Kind::kPublic, Scope::kEdge};
/// No key, but only from ALLOWED_CIDRS_METRICS.
inline constexpr Access kMetrics{Access::Kind::kMetrics, Scope::kEdge};
/// A control-plane key with this scope.
constexpr Access control(Scope scope) {
    return {Access::Kind::kControl, scope};
}
/// A control-plane key of scope edge.
inline constexpr Access kEdge{Access::Kind::kEdge, Scope::kEdge};
/// An agent: by its own key, or named in X-Nexus-Agent beside a key of scope edge; or a control-plane key
/// with every scope itself (never one that is bound to a workspace).
inline constexpr Access kGateway{Access::Kind::kGateway, Scope::kEdge};

/// The group of routes whose allowlist counts where a control-plane key is used. An agent's own key comes
/// from anywhere.
Network network_of(Access access, bool is_for_an_agent) noexcept;

using CallerHandler = std::function<Result<Response>(const Request &, const Caller &)>;

class Gate {
public:
    /// refusals  where what is refused here is audited, in bounds; nullptr = nowhere
    Gate(const Authenticator &authenticator, const NetworkRules &networks, RefusalAudit *refusals = nullptr)
        : authenticator_(authenticator), networks_(networks), refusals_(refusals) {}

    /// errors kMissingApiKey, kInvalidApiKey (also: several keys), kInsufficientGrant (key of another kind),
    ///        kAccessDenied (from an address that the route's group does not allow), kStoreUnavailable
    Result<Caller> admit(const Request &request, Access access) const;

    /// As admit; but an agent whose edge is not let in is told 503 control_plane_unavailable: there is nothing
    /// wrong with its own key.
    Handler guard(Access access, CallerHandler handler) const;

private:
    bool is_edges_fault(const Request &request, Access access, Errc errc) const;
    Result<void> check_address(const Request &request, Network network) const;
    void note_refusal(const Request &request, const Caller &caller, Errc errc) const;
    const Authenticator &authenticator_;
    const NetworkRules &networks_;
    RefusalAudit *refusals_;
};

}  // namespace nexus::control
