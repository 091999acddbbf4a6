// The parts of nexusd, wired: everything that lives as long as the process serves. Also for tests that need
// the whole.
#pragma once

#include "control_plane/api/api.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oidc/document_keeper.h"
#include "control_plane/services/janitor.h"

namespace nexus::control {

/// Members stand in the order of dependence: later ones use earlier ones, and go first.
struct Process {
    /// config and metrics must outlive the process; the database has its schema already
    Process(const Config &the_config, Metrics &the_metrics, std::unique_ptr<store::Database> the_database,
            StateSigner the_signer);
    Process(const Process &) = delete;
    Process &operator=(const Process &) = delete;

    const Config &config;
    Clock clock = system_now_ms;
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
    Refresher refresher;
    ProviderService providers;
    ConsentService consents;
    CallbackService callbacks;
    CaptureService captures;
    ConnectService connects;
    TokenService tokens;
    AgentService agents;
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
