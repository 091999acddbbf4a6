// nexusd's routes. Handlers parse, call a service, render; one file per group of routes. docs/rest-api.md
// describes each route, and a test holds it against this table.
#pragma once

#include <string_view>
#include <vector>

#include "control_plane/api/gate.h"
#include "control_plane/cache/cache_writer.h"
#include "control_plane/config/config.h"
#include "control_plane/services/access/control_key_service.h"
#include "control_plane/services/access/last_used.h"
#include "control_plane/services/agents/agent_service.h"
#include "control_plane/services/audit/audit_service.h"
#include "control_plane/services/connections/connection_service.h"
#include "control_plane/services/connections/token_service.h"
#include "control_plane/services/consents/callback_service.h"
#include "control_plane/services/consents/capture_service.h"
#include "control_plane/services/consents/connect_service.h"
#include "control_plane/services/consents/consent_service.h"
#include "control_plane/services/imports/import_service.h"
#include "control_plane/services/issuers/issuer_service.h"
#include "control_plane/services/providers/provider_service.h"
#include "control_plane/services/vault_service.h"
#include "control_plane/services/workspace_service.h"

namespace nexus::control {

struct ApiContext {
    const Config &config;
    store::Database &database;
    CacheWriter &cache;
    OutboxDrainer &drainer;
    const Metrics &metrics;
    Clock clock;
    ProviderService &providers;
    ConsentService &consents;
    CallbackService &callbacks;
    CaptureService &captures;
    ConnectService &connects;
    TokenService &tokens;
    const RecordBuilder &records;
    const ReconnectLinks &links;
    AgentService &agents;
    IssuerService &issuers;
    ConnectionService &connections;
    ControlKeyService &control_keys;
    WorkspaceService &workspaces;
    LastUsed &last_used;
    ImportService &imports;
    VaultService &vault;
    AuditService &audit_log;
};

/// One row of a group's table.
struct Route {
    std::string_view method;  // a literal
    std::string pattern;
    Access access;
    CallerHandler handler;
};
using Routes = std::vector<Route>;

/// Handlers as the groups write them, bound to the context.
using ContextHandler = Result<Response> (*)(ApiContext &, const Request &, const Caller &);
using AnonymousHandler = Result<Response> (*)(ApiContext &, const Request &);
CallerHandler bind(ApiContext &context, ContextHandler handler);
CallerHandler bind(ApiContext &context, AnonymousHandler handler);  // for whom the caller makes no difference

// `context` must outlive the routes.
Routes provider_routes(ApiContext &context);
Routes flow_routes(ApiContext &context);
Routes connect_routes(ApiContext &context);
Routes gateway_routes(ApiContext &context);
Routes connection_routes(ApiContext &context);
Routes import_routes(ApiContext &context);
Routes agent_routes(ApiContext &context);
Routes issuer_routes(ApiContext &context);
Routes control_key_routes(ApiContext &context);
Routes workspace_routes(ApiContext &context);
Routes edge_routes(ApiContext &context);
Routes vault_routes(ApiContext &context);
Routes audit_routes(ApiContext &context);
Routes probe_routes(ApiContext &context);

/// All of them, in the order above.
Routes all_routes(ApiContext &context);
Router make_router(ApiContext &context, const Gate &gate);

}  // namespace nexus::control
