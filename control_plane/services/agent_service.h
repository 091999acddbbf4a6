// Agents and their API keys. A key is shown once, when it is made; only its SHA-256 is kept.
#pragma once

#include <string>
#include <vector>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/services/caller.h"
#include "control_plane/store/database.h"
#include "shared/clock.h"
#include "shared/secret.h"

namespace nexus::control {

struct AgentRequest {
    std::string name;
    std::string workspace_id;
    std::vector<std::string> grants;
    std::vector<std::string> connections;
    std::vector<std::string> providers;
    UnixMs key_expires_at = 0;  // 0 = never
};

/// A key at the only moment its text exists.
struct NewKey {
    std::string key_id;
    Secret text;  // nxa_<id>_<secret>
    UnixMs created_at = 0;
    UnixMs expires_at = 0;
};

struct NewAgent {
    store::Agent agent;
    NewKey key;
};

struct AgentDetails {
    store::Agent agent;
    std::vector<store::AgentKey> keys;
};

class AgentService {
public:
    AgentService(store::Database &database, OutboxDrainer &drainer, Clock clock)
        : database_(database), drainer_(drainer), clock_(std::move(clock)) {}

    /// errors kInvalidRequest (names the member), kMissingFields, kStoreUnavailable
    Result<NewAgent> create(const Caller &caller, const AgentRequest &request);
    Result<store::AgentPage> list(const std::string &workspace_id, int64_t limit, const std::string &cursor);
    /// errors kAgentNotFound (also: not a UUID)
    Result<AgentDetails> get(const std::string &id);
    /// Revokes the agent and with it every key; edges learn it by the caller records' tombstones.
    Result<void> remove(const Caller &caller, const std::string &id);
    /// errors kAgentNotFound, kInvalidRequest (expiry in the past)
    Result<NewKey> add_key(const Caller &caller, const std::string &id, UnixMs expires_at);
    Result<void> remove_key(const Caller &caller, const std::string &id, const std::string &key_id);

private:
    void publish(const store::Agent &agent);
    store::Database &database_;
    OutboxDrainer &drainer_;
    Clock clock_;
};

}  // namespace nexus::control
