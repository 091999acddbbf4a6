// Provider profiles: register, list, replace, change, delete. Client secrets are sealed on their way in, and
// come out for keys with the scope secrets:read only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/http/egress_guard.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/services/providers/provider_profile.h"
#include "control_plane/store/database.h"
#include "control_plane/vault/vault.h"
#include "shared/clock.h"

namespace nexus::control {

class ProviderService {
public:
    ProviderService(store::Database &database, const Vault &vault, OutboxDrainer &drainer, EgressGuard egress,
                    Clock clock)
        : database_(database),
          vault_(vault),
          drainer_(drainer),
          egress_(std::move(egress)),
          clock_(std::move(clock)) {}

    struct CreateOptions {
        std::string id;        // UUID to keep, in lower case; "" = a new one
        bool dry_run = false;  // everything is checked, nothing is kept
    };
    /// errors as parse_profile and check_provider_egress; kProviderExists (name), kConflict (id);
    /// kStoreUnavailable
    Result<store::Provider> create(const Caller &caller, const json::Value &profile,
                                   const CreateOptions &options = {"", false});

    struct Replaced {
        store::Provider provider;
        bool changed = false;
    };
    /// The whole profile; a client_secret that is left out stays as it is. Records of its connections are
    /// published anew where they tell of what changed (hosts, strategy, name), so that edges do not go by the
    /// old profile. errors as create; kProviderNotFound; kConflict
    Result<Replaced> replace(const Caller &caller, const std::string &id, const json::Value &profile);

    /// Members that are not named stay; null resets one to its default; `params` and `oauth` are replaced
    /// whole. errors as replace
    Result<Replaced> patch(const Caller &caller, const std::string &id, const json::Value &changes);

    /// The profile is gone for consents and refreshes at once; its connections are revoked, page by page.
    /// errors kProviderNotFound, kStoreUnavailable (again: the rest is revoked then)
    Result<void> remove(const Caller &caller, const std::string &id);

    Result<store::Provider> get(const std::string &id);
    /// The client secret in clear, audited; nullopt = it has none.
    /// errors kInsufficientGrant (a key without secrets:read), kStoreUnavailable, as Vault::open
    Result<std::optional<Secret>> read_secret(const Caller &caller, const store::Provider &provider);
    /// errors kProviderNotFound, kProviderAmbiguous
    Result<store::Provider> get_by_name(const std::string &name);
    Result<store::ProviderPage> list(int64_t limit, const std::string &cursor);
    /// Every living profile, at most kMaxMetadata: for the metadata map.
    Result<std::vector<store::Provider>> all();

    static constexpr size_t kMaxMetadata = 5000;

private:
    /// errors kInsufficientGrant
    Result<void> check_diversion(const Caller &caller, const store::Provider &stored,
                                 const store::Provider &next);
    Result<Replaced> write(const Caller &caller, const store::Provider &stored, const json::Value &profile,
                           bool keep_secret);
    Result<ProfileInput> parse(const json::Value &profile, bool secret_stored) const;
    Result<void> seal_secret(store::Provider &provider, const Secret &client_secret) const;
    Result<bool> holds_secret(const store::Provider &provider, const Secret &client_secret) const;
    Result<void> republish_connections(const std::string &provider_id);
    Result<std::string> republish_page(const std::string &provider_id, const std::string &cursor);
    Result<void> revoke_connections(const Caller &caller, const std::string &provider_id);
    Result<size_t> revoke_those_found(const Caller &caller, const std::string &provider_id);
    Result<void> revoke_connection(const Caller &caller, const std::string &id);

    store::Database &database_;
    const Vault &vault_;
    OutboxDrainer &drainer_;
    const EgressGuard egress_;
    Clock clock_;
};

}  // namespace nexus::control
