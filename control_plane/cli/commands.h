// nexusctl's commands. Each returns the exit code: 0 done, 1 failed, kExitUsage. Results go to stdout,
// problems to stderr.
#pragma once

#include <string>
#include <vector>

#include "control_plane/cli/client.h"

namespace nexus::control::cli {

inline constexpr int kExitUsage = 2;        // nothing was sent
inline constexpr int kExitNotVerified = 3;  // of audit verify: 1 is about the chain

struct Output {
    bool json = false;
};

int provider_apply(const Client &client, const Output &output, const std::string &file);
int provider_list(const Client &client, const Output &output);

struct AgentCreateOptions {
    std::string name;
    std::string workspace;
    std::vector<std::string> grants;
    std::vector<std::string> connections;
    std::vector<std::string> providers;
    std::vector<std::string> aliases;  // NAME=CONNECTION_ID
    int64_t expires_in_s = 0;
};
int agent_create(const Client &client, const Output &output, const AgentCreateOptions &options);
int agent_list(const Client &client, const Output &output, const std::string &workspace);

struct ConnectOptions {
    std::string provider;
    std::string workspace;
    std::string user;
    std::vector<std::string> scopes;
    std::string return_url;
    std::vector<std::string> labels;  // name=value
    bool wait = false;
    int timeout_s = 600;
};
int connect(const Client &client, const Output &output, const ConnectOptions &options);

struct ConnectionListOptions {
    std::string workspace;
    std::string provider;
    std::string state;
    std::vector<std::string> labels;  // name=value
};
int connection_list(const Client &client, const Output &output, const ConnectionListOptions &options);
int connection_show(const Client &client, const Output &output, const std::string &id);
int connection_revoke(const Client &client, const Output &output, const std::string &id);
int connection_delete(const Client &client, const Output &output, const std::string &id);

struct ReconnectOptions {
    std::string return_url;
    bool allow_other_account = false;
    bool wait = false;
    int timeout_s = 600;
};
int connection_reconnect(const Client &client, const Output &output, const std::string &id,
                         const ReconnectOptions &options);
/// labels  name=value, or name- to take one away
int connection_label(const Client &client, const Output &output, const std::string &id,
                     const std::vector<std::string> &labels);
int connection_rules_show(const Client &client, const Output &output, const std::string &id);
int connection_rules_set(const Client &client, const Output &output, const std::string &id,
                         const std::vector<std::string> &rules);
/// rules  those to take away; empty = all
int connection_rules_remove(const Client &client, const Output &output, const std::string &id,
                            const std::vector<std::string> &rules);

struct RotateOptions {
    int batch = 500;
    int rate = 0;  // boxes a second; 0 = as fast as it goes
    bool quiet = false;
};
int keys_status(const Client &client, const Output &output);
int keys_rotate(const Client &client, const Output &output, const RotateOptions &options);

struct AuditListOptions {
    std::string type;
    std::string connection;
    std::string workspace;
    std::string provider;
    std::string actor;
    std::string since;
    std::string until;
    int64_t limit = 50;
};
struct AuditVerifyOptions {
    int64_t after = 0;
    std::string expect;  // SEQUENCE:HASH
};
int audit_list(const Client &client, const Output &output, const AuditListOptions &options);
/// returns 0 intact, 1 not intact, kExitUsage, kExitNotVerified
int audit_verify(const Client &client, const Output &output, const AuditVerifyOptions &options);

}  // namespace nexus::control::cli
