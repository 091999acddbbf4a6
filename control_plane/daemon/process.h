// The parts of nexusd, wired: everything that lives as long as the process serves. Also for tests that need
// the whole.
#pragma once

#include "control_plane/api/api.h"
#include "control_plane/http/http_multi.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oidc/document_keeper.h"
#include "control_plane/refresh/scheduler.h"
#include "control_plane/services/issuers/issuer_keeper.h"
#include "control_plane/services/janitor.h"
#include "shared/forward_clock.h"

namespace nexus::control {

/// Members stand in the order of dependence: later ones use earlier ones, and go first.
struct Process {
    /// config and metrics must outlive the process; the database has its schema already
    Process(const Config &the_config, Metrics &the_metrics, std::unique_ptr<store::Database> the_database,
            StateSigner the_signer);
    Process(const Process &) = delete;
    Process &operator=(const Process &) = delete;

    const Config &config;
    ForwardClock time;
    Clock clock = [this] { return time.now(); };
    Metrics &metrics;
    std::unique_ptr<store::Database> database;
    StateSigner signer;
    Vault vault;
    HttpClient http;
    Fetch fetch;
    TokenEndpoint endpoint;
    Discovery discovery;
    DocumentKeeper keeper;
    ReconnectLinks links;
    RecordBuilder records;
    RedisWriter redis;
    OutboxDrainer drainer;
    AuditQueue audit;
    RefusalAudit refusals;
    Janitor janitor;
    RefreshEngine engine;
    Scheduler scheduler;
    HttpMulti multi;  // behind the engine: it ends first, and with it what the engine waits for
    ProviderService providers;
    ConsentService consents;
    CallbackService callbacks;
    CaptureService captures;
    ConnectService connects;
    TokenService tokens;
    AgentService agents;
    IssuerService issuers;
    IssuerKeeper issuer_keeper;
    ConnectionService connections;
    ControlKeyService control_keys;
    WorkspaceService workspaces;
    LastUsed last_used;
    ImportService imports;
    VaultService vault_service;
    AuditService audit_log;
    Authenticator authenticator;
    Gate gate;
    ApiContext context;
};

}  // namespace nexus::control
