// Connections as operators see them: list, show, label, revoke, delete. Credentials are no part of it.
#pragma once

#include <optional>
#include <string>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/services/connections/upstream_revoker.h"
#include "control_plane/store/connection_repository.h"
#include "control_plane/store/identity_repository.h"
#include "control_plane/store/provider_repository.h"

namespace nexus::control {

/// A connection and the name of its provider.
struct ConnectionView {
    store::Connection connection;
    std::string provider;
};

struct ConnectionViewPage {
    std::vector<ConnectionView> items;
    std::string next_cursor;
};

struct ConnectionQuery {
    std::string workspace_id;
    std::string provider;  // name or id; "" = any
    std::string state;     // name; "" = any
    std::string user_id;
    std::vector<std::string> labels;  // name:value; all of them
    int64_t limit = 50;
    std::string cursor;
};

/// A connection that was ended, and whether its provider knows.
struct Ended {
    ConnectionView view;
    std::optional<UpstreamRevocation> upstream;  // nullopt = it had ended before
};

struct AccountIdentity {
    ConnectionView view;
    store::Identity identity;
};

struct ConnectionPatch {
    json::Value labels;  // {name: value or null}, merged into those that are there; null = none
    std::optional<std::vector<std::string>> request_rules;  // in place of those that are there
    std::optional<int64_t> if_generation = std::nullopt;    // of what was read before
};

class ConnectionService {
public:
    ConnectionService(store::Database &database, const Vault &vault, UpstreamRevoker revoker,
                      OutboxDrainer &drainer, Clock clock)
        : database_(database),
          vault_(vault),
          revoker_(std::move(revoker)),
          drainer_(drainer),
          clock_(std::move(clock)) {}

    /// Those within the caller's reach. errors kInvalidRequest (state, cursor), kProviderNotFound,
    /// kInsufficientGrant (somebody else's workspace), kStoreUnavailable
    Result<ConnectionViewPage> list(const Caller &caller, const ConnectionQuery &query);
    /// errors kInvalidConnectionId, kConnectionNotFound (also: out of the caller's reach), kStoreUnavailable
    Result<ConnectionView> get(const Caller &caller, const std::string &id);
    /// Who the account is, as the provider said it. errors as get; kNotFound: it did not
    Result<AccountIdentity> identity(const Caller &caller, const std::string &id);
    /// Final: credentials are erased, edges told, then the provider. Again is no error. errors as get
    Result<Ended> revoke(const Caller &caller, const std::string &id);
    /// Revoked and gone: from now on nobody finds it. errors as get
    Result<Ended> remove(const Caller &caller, const std::string &id);
    /// errors as get; kInvalidRequest (names the member)
    Result<ConnectionView> patch(const Caller &caller, const std::string &id, const ConnectionPatch &wish);

private:
    Result<store::Connection> end(const Caller &caller, const store::Connection &before, bool removed);
    Result<Ended> end_and_tell(const Caller &caller, const std::string &id, bool removed);
    Result<StoredCredentials> credentials_of(const store::Connection &connection);
    UpstreamRevocation tell_provider(const Caller &caller, const store::Connection &before,
                                     const Result<StoredCredentials> &credentials);
    Result<std::string> provider_id_of(const std::string &name_or_id);
    store::Database &database_;
    const Vault &vault_;
    UpstreamRevoker revoker_;
    OutboxDrainer &drainer_;
    Clock clock_;
};

}  // namespace nexus::control
