// Tells a provider that a grant is over: see upstream_revoker.h.
#include "control_plane/services/connections/upstream_revoker.h"

#include "control_plane/log/log.h"
#include "control_plane/oauth/variables.h"

namespace nexus::control {

std::string_view to_string(UpstreamRevocation outcome) noexcept {
    switch (outcome) {
        case UpstreamRevocation::kUnsupported:
            return "unsupported";
        case UpstreamRevocation::kDone:
            return "true";
        case UpstreamRevocation::kFailed:
            break;
    }
    return "false";
}

UpstreamRevocation UpstreamRevoker::revoke(const store::Provider &provider,
                                           const store::Connection &connection,
                                           const StoredCredentials *credentials) const {
    if (provider.auth_type != "oauth2") {
        return UpstreamRevocation::kUnsupported;
    }
    Result<OAuthClient> client =
        parse_variables(connection.variables).and_then([&](const Variables &variables) {
            return resolve_client(provider, vault_, discovery_, variables);
        });
    if (client && client->revocation_endpoint.empty()) {
        return UpstreamRevocation::kUnsupported;
    }
    if (!client || credentials == nullptr) {
        return UpstreamRevocation::kFailed;
    }
    bool all = true;
    auto tell = [&](const Secret &token, std::string_view hint) {
        if (token.empty()) {
            return;
        }
        Result<void> told = endpoint_.revoke(*client, token, hint);
        if (!told) {
            log::warn("upstream_revocation_failed",
                      {{"connection_id", connection.id}, {"reason", told.error().message}});
        }
        all = all && told.has_value();
    };
    tell(credentials->refresh_token, "refresh_token");
    if (const Secret *access_token = credentials->find("access_token")) {
        tell(*access_token, "access_token");
    }
    return all ? UpstreamRevocation::kDone : UpstreamRevocation::kFailed;
}

}  // namespace nexus::control
