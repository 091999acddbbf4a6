// Starts a connection: see consent_service.h. Starting one again is reconnect.cpp's; without a
// person, machine_grant.cpp's.
#include "control_plane/services/consents/consent_service.h"

#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/code_verifier_box.h"
#include "control_plane/oauth/pkce.h"
#include "control_plane/oauth/return_url.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/connections/connection_labels.h"
#include "control_plane/store/transition.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

bool is_plain_text(std::string_view text) {
    return text.size() <= 255 && std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

}  // namespace

Result<void> ConsentService::check(const ConsentRequest &request) const {
    if (!is_plain_text(request.workspace_id) || !is_plain_text(request.user_id)) {
        return fail(Errc::kInvalidRequest,
                    "workspace_id and user_id are at most 255 bytes, without control characters");
    }
    if (Result<void> scopes = check_scopes(request.scopes); !scopes) {
        return scopes;
    }
    return check_return_url(request.return_url, config_.allowed_return_domains);
}

Result<void> ConsentService::check_scopes(const std::vector<std::string> &scopes) const {
    if (scopes.size() > 100 || !std::all_of(scopes.begin(), scopes.end(), is_scope_token)) {
        return fail(Errc::kInvalidRequest, "member scopes must hold scope tokens (RFC 6749 section 3.3)",
                    "scopes");
    }
    return {};
}

Result<store::Provider> ConsentService::find_provider(const Caller &caller, const ConsentRequest &request) {
    if (!request.provider_id.empty() && !encoding::is_uuid(request.provider_id)) {
        return fail(Errc::kInvalidProviderId, "provider_id is not a UUID", "provider_id");
    }
    Result<store::Provider> provider =
        request.provider_id.empty()
            ? store::providers::get_by_name(database_, request.provider_name)
            : store::providers::get(database_, encoding::to_lower_ascii(request.provider_id));
    bool unknown = !provider && provider.error().errc == Errc::kProviderNotFound;
    if (unknown || (provider && !caller.may_use_provider(provider->name))) {
        return fail(Errc::kProviderNotFound, "no such provider");  // one answer: names cannot be probed
    }
    return provider;
}

// What the caller says for the {variables} of the profile; for other types there are none.
Result<Variables> ConsentService::flow_variables(const store::Provider &provider,
                                                 const ConsentRequest &request) {
    return stored_oauth_profile(provider.oauth).and_then([&](const OAuthProfile &profile) {
        return user_variables(profile, request.variables);
    });
}

Result<Consent> ConsentService::start(const Caller &caller, const ConsentRequest &request) {
    if (Result<void> checked = check(request); !checked) {
        return fail(checked.error());
    }
    Result<store::Provider> provider = find_provider(caller, request);
    if (!provider) {
        return fail(provider.error());
    }
    Result<std::string> workspace = caller.require_workspace(request.workspace_id);
    if (!workspace) {
        return fail(workspace.error());
    }
    Result<std::string> labels = new_labels(request.labels);
    if (!labels) {
        return fail(labels.error());
    }
    UnixMs now = clock_();
    store::Connection connection;
    connection.id = crypto::random_uuid();
    connection.workspace_id = std::move(*workspace);
    connection.user_id = request.user_id;
    connection.provider_id = provider->id;
    connection.scopes = request.scopes.empty() ? provider->scopes : request.scopes;
    connection.flow_scopes = connection.scopes;
    connection.return_url = request.return_url;
    connection.labels = std::move(*labels);
    connection.created_at = connection.updated_at = now;
    Result<Variables> variables = flow_variables(*provider, request);
    if (!variables) {
        return fail(variables.error());
    }
    connection.flow_variables = to_json_text(*variables);
    Result<Begun> begun = begin_flow(*provider, connection, now);
    if (!begun) {
        return fail(begun.error());
    }
    if (Result<void> wanted = check_wanted(*begun, request.subject); !wanted) {
        return fail(wanted.error());
    }
    if (begun->is_machine()) {
        return connect_machine(caller, *provider, std::move(connection), std::move(*begun), request.subject,
                               true);
    }
    Result<void> created = database_.transact([&](store::Transaction &sql) {
        return store::create_connection(sql, connection, caller.event(audit::kConnectionCreated), now);
    });
    if (!created) {
        return fail(created.error());
    }
    if (metrics_ != nullptr) {
        metrics_->consent_created(!connection.nonce.empty());
    }
    log::info("consent_created", {{"connection_id", connection.id}, {"provider_id", provider->id}});
    return consent_of(connection, std::move(begun->ticket));
}

// The flow's own members of the row; scopes and return_url are set already.
Result<ConsentService::Begun> ConsentService::begin_flow(const store::Provider &provider,
                                                         store::Connection &connection, UnixMs now) {
    Begun out;
    connection.flow_id = crypto::random_uuid();
    connection.flow_expires_at = now + kStateLifetimeMs;
    out.ticket = signer_.sign(
        StateClaims{connection.flow_id, connection.workspace_id, provider.id, connection.id, now, {}});
    if (provider.auth_type == "oauth2") {
        // Resolved already now: who asks learns of a profile that cannot work, not the person.
        Result<OAuthClient> client =
            parse_variables(connection.flow_variables).and_then([&](const Variables &variables) {
                return resolve_client(provider, vault_, discovery_, variables);
            });
        if (!client) {
            return fail(client.error());
        }
        out.client = std::move(*client);
        if (out.is_machine()) {
            return out;
        }
        Result<void> ready = out.client->profile.grant == OAuthProfile::Grant::kDeviceCode
                                 ? begin_on_device(*out.client, connection, now)
                                 : begin_in_browser(*out.client, connection);
        if (!ready) {
            return fail(ready.error());
        }
    }
    return out;
}

Result<void> ConsentService::begin_in_browser(OAuthClient &client, store::Connection &connection) {
    if (Result<AuthorizationRequest> usable = authorization_request(client); !usable) {
        return fail(usable.error());
    }
    if (Result<void> keyed = use_dpop_key(client, Secret{}); !keyed) {
        return keyed;
    }
    const FlowSecrets secrets{new_code_verifier(), client.dpop_key.clone()};
    Result<std::string> box = seal_code_verifier(vault_, connection, pack(secrets));
    if (!box) {
        return fail(box.error());
    }
    connection.code_verifier_box = std::move(*box);
    // Without an issuer the nonce binds nothing that we would see, but a provider may demand one.
    const bool is_opaque = !client.issuer.empty() && !client.verifies_id_tokens(config_.oidc_mode);
    connection.nonce = !is_opaque && contains_openid(connection.flow_scopes)
                           ? encoding::base64url_encode(crypto::random_bytes(32))
                           : "";
    return {};
}

// What the code verifier is to a flow in the browser, the device code is to this one.
Result<void> ConsentService::begin_on_device(const OAuthClient &client, store::Connection &connection,
                                             UnixMs now) {
    Result<DeviceAuthorization> device = endpoint_.authorize_device(client, connection.flow_scopes);
    if (!device) {
        return fail(device.error());
    }
    connection.flow_expires_at = std::min(connection.flow_expires_at, now + device->expires_in_s * 1000);
    Result<std::string> box = seal_code_verifier(vault_, connection, to_json(*device));
    if (!box) {
        return fail(box.error());
    }
    connection.code_verifier_box = std::move(*box);
    connection.nonce.clear();
    return {};
}

Consent ConsentService::consent_of(const store::Connection &connection, std::string ticket) const {
    std::string url = config_.base_url + "/connect/" + ticket;
    return Consent{std::move(url),         std::move(ticket), connection.flow_scopes,
                   connection.provider_id, connection.id,     connection.state};
}

}  // namespace nexus::control
