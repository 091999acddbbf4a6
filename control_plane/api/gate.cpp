// Who may enter which route: see gate.h.
#include "control_plane/api/gate.h"

#include <algorithm>
#include <string>

#include "control_plane/log/log.h"
#include "shared/record/caller_record.h"

namespace nexus::control {

namespace {

constexpr int64_t kEdgeRetryAfter = 5;  // seconds; a person has to mend it

// The key of X-API-Key or Authorization: Bearer. Several are refused, not chosen from.
Result<std::string_view> presented_key(const Request &request) {
    size_t count = request.header_count("x-api-key") + request.header_count("authorization");
    if (count > 1) {
        return fail(Errc::kInvalidApiKey, "several credentials were sent");
    }
    if (request.header_count("x-api-key") == 1) {
        return request.header("x-api-key");
    }
    std::string_view value = request.header("authorization");
    constexpr std::string_view kBearer = "bearer ";
    bool bearer = value.size() > kBearer.size() &&
                  std::equal(kBearer.begin(), kBearer.end(), value.begin(), [](char expected, char got) {
                      return expected == (got >= 'A' && got <= 'Z' ? static_cast<char>(got + 32) : got);
                  });
    return bearer ? value.substr(kBearer.size()) : std::string_view{};
}

bool may_enter(const Authenticated &who, Access access) {
    switch (access.kind) {
        case Access::Kind::kPublic:
        case Access::Kind::kMetrics:
            return true;
        case Access::Kind::kControl:
        case Access::Kind::kEdge:
            return !who.is_agent() && who.scopes && who.scopes->has(access.scope);
        case Access::Kind::kGateway:
            return who.is_agent() ? !who.scopes || who.scopes->has(Scope::kEdge)
                                  : who.scopes && who.scopes->has_all();
    }
    return false;
}

/// The audit event of an error that a stranger can cause; "" = none. What is known of a flow or a connection
/// is audited by its service.
std::string_view audited_as(Errc errc) {
    switch (errc) {
        case Errc::kMissingApiKey:
        case Errc::kInvalidApiKey:
        case Errc::kInsufficientGrant:
        case Errc::kAccessDenied:
            return audit::kAccessRefused;
        case Errc::kInvalidState:
            return audit::kStateVerificationFailed;
        case Errc::kConnectionNotFound:
            return audit::kConnectionNotFound;
        case Errc::kProviderNotFound:
            return audit::kProviderNotFound;
        case Errc::kReturnUrlNotAllowed:
            return audit::kInvalidReturnUrl;
        default:
            return {};
    }
}

Caller person(const Request &request) {
    Caller caller;
    caller.ip_address = request.client_ip;
    caller.user_agent = std::string{request.header("user-agent")};
    return caller;
}

}  // namespace

Network network_of(Access access, bool is_for_an_agent) noexcept {
    switch (access.kind) {
        case Access::Kind::kPublic:
        case Access::Kind::kMetrics:
            return Network::kMetrics;
        case Access::Kind::kEdge:
            return Network::kEdge;
        case Access::Kind::kGateway:
            return is_for_an_agent ? Network::kEdge : Network::kTokens;
        case Access::Kind::kControl:
            break;
    }
    switch (access.scope) {
        case Scope::kTokensRead:
        case Scope::kTokensRefresh:
            return Network::kTokens;
        case Scope::kEdge:
            return Network::kEdge;
        case Scope::kAgentsRead:
        case Scope::kAgentsWrite:
        case Scope::kKeysAdmin:
        case Scope::kSecretsRead:
        case Scope::kVaultAdmin:
            return Network::kAdmin;
        default:
            return Network::kControl;
    }
}

Result<void> Gate::check_address(const Request &request, Network network) const {
    if (networks_.allow(network, request.client_ip)) {
        return {};
    }
    log::warn("address_refused",
              {{"route", request.route}, {"client_ip", request.client_ip}, {"group", to_string(network)}});
    return fail(Errc::kAccessDenied, "this address is not among " + std::string{variable_of(network)});
}

Result<Caller> Gate::admit(const Request &request, Access access) const {
    if (access.kind == Access::Kind::kPublic) {
        return person(request);
    }
    if (access.kind == Access::Kind::kMetrics) {
        return check_address(request, Network::kMetrics).map([&] { return person(request); });
    }
    Result<std::string_view> key = presented_key(request);
    if (!key) {
        return fail(key.error());
    }
    if (request.header_count("x-nexus-agent") > 1) {
        return fail(Errc::kInvalidApiKey, "several credentials were sent");
    }
    // X-Nexus-Agent means something on /v1 only; elsewhere a control-plane key speaks for itself.
    std::string_view agent =
        access.kind == Access::Kind::kGateway ? request.header("x-nexus-agent") : std::string_view{};
    Result<Authenticated> who =
        authenticator_.authenticate({*key, agent, request.client_ip, request.header("user-agent")});
    if (!who) {
        log::info("key_refused", {{"route", request.route}, {"client_ip", request.client_ip}});
        return fail(who.error());
    }
    if (who->scopes) {
        Result<void> allowed = check_address(request, network_of(access, who->is_agent()));
        if (!allowed) {
            return fail(allowed.error());
        }
    }
    if (!may_enter(*who, access)) {
        return fail(Errc::kInsufficientGrant, "this key is not for this route");
    }
    // A scope that routes of other groups ask for, too.
    if (!networks_.allow(network_of(control(Scope::kSecretsRead), false), request.client_ip)) {
        who->caller.scopes = who->caller.scopes.without(Scope::kSecretsRead);
    }
    return std::move(who->caller);
}

Handler Gate::guard(Access access, CallerHandler handler) const {
    return [this, access, handler = std::move(handler)](const Request &request) -> Result<Response> {
        Result<Caller> caller = admit(request, access);
        if (!caller) {
            const Errc errc = caller.error().errc;
            note_refusal(request, person(request), errc);
            if (is_edges_fault(request, access, errc)) {
                log::warn("edge_refused",
                          {{"client_ip", request.client_ip}, {"error", errc_info(errc).code}});
                return fail(Error{Errc::kControlPlaneUnavailable,
                                  "the edge's own key or address is not accepted by the control plane",
                                  {},
                                  kEdgeRetryAfter});
            }
            return fail(caller.error());
        }
        Result<Response> response = handler(request, *caller);
        const std::optional<Errc> refused =
            response ? response->refused_as : std::optional{response.error().errc};
        if (refused) {
            note_refusal(request, *caller, *refused);
        }
        return response;
    };
}

/// An edge names its caller in X-Nexus-Agent, beside its own key.
bool Gate::is_edges_fault(const Request &request, Access access, Errc errc) const {
    const Result<std::string_view> key = presented_key(request);
    if (access.kind != Access::Kind::kGateway || request.header("x-nexus-agent").empty() || !key ||
        record::is_agent_key(*key)) {
        return false;
    }
    return errc == Errc::kAccessDenied || errc == Errc::kMissingApiKey ||
           (errc == Errc::kInvalidApiKey && !authenticator_.is_control_key(*key));
}

void Gate::note_refusal(const Request &request, const Caller &caller, Errc errc) const {
    const std::string_view type = audited_as(errc);
    if (refusals_ == nullptr || type.empty()) {
        return;
    }
    audit::Event event = caller.event(type);
    event.data = json::Value::object()
                     .set("error", errc_info(errc).code)
                     .set("route", request.method + " " + request.route)
                     .dump_text();
    refusals_->note(std::move(event));
}

}  // namespace nexus::control
