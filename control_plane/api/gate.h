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

enum class Access : uint8_t {
    kPublic,   // no key: probes, metrics, and flows that a signed state opens
    kControl,  // control-plane key of scope full
    kEdge,     // control-plane key of scope edge or full
    kGateway,  // an agent: by its own key, or named in X-Nexus-Agent beside an edge or full key; or a full
               // key itself
};

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
