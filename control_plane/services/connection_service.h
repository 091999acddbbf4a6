// Connections as operators see them: list, show, revoke. Credentials are no part of it.
#pragma once

#include <string>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/services/caller.h"
#include "control_plane/store/connection_repository.h"
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
    int64_t limit = 50;
    std::string cursor;
};

class ConnectionService {
public:
    ConnectionService(store::Database &database, OutboxDrainer &drainer, Clock clock)
        : database_(database), drainer_(drainer), clock_(std::move(clock)) {}

    /// Those within the caller's reach. errors kInvalidRequest (state, cursor), kProviderNotFound,
    /// kInsufficientGrant (somebody else's workspace), kStoreUnavailable
    Result<ConnectionViewPage> list(const Caller &caller, const ConnectionQuery &query);
    /// errors kInvalidConnectionId, kConnectionNotFound (also: out of the caller's reach), kStoreUnavailable
    Result<ConnectionView> get(const Caller &caller, const std::string &id);
    /// Final: credentials are erased, edges told. Again is no error. errors as get
    Result<ConnectionView> revoke(const Caller &caller, const std::string &id);

private:
    Result<std::string> provider_id_of(const std::string &name_or_id);
    store::Database &database_;
    OutboxDrainer &drainer_;
    Clock clock_;
};

}  // namespace nexus::control
