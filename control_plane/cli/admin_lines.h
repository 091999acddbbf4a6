// The grammar of nexusctl's commands about callers: agents' keys, identities and aliases, issuers of
// their tokens, control-plane keys, workspaces.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control_plane/cli/commands.h"

namespace CLI {
class App;
}

namespace nexus::control::cli {

using Command = std::function<int(const Client &, const Output &)>;

/// What these commands take; a command uses its part.
struct AdminOptions {
    std::string id;
    std::string key_id;
    std::string workspace;
    std::string name;
    std::vector<std::string> grants;
    std::vector<std::string> connections;
    std::vector<std::string> providers;
    bool all_connections = false;
    bool all_providers = false;
    std::vector<std::string> scopes;
    int64_t expires_in_s = 0;
    int64_t overlap_s = -1;            // -1 = the control plane's default
    std::vector<std::string> aliases;  // NAME=CONNECTION_ID, or names to take away
    bool replace = false;
    std::string issuer;
    std::string subject;
    std::string san;
    int64_t uid = -1;  // -1 = none
    std::vector<std::string> audiences;
    std::vector<std::string> algorithms;
    std::string jwks_uri;
    std::string jwks_file;
};

/// Adds `agent show|update|revoke`, `agent key ...`, `agent identity ...`, `agent alias ...`, `issuer ...`,
/// `key ...` and `workspace ...`.
/// agent   the subcommand `agent`; choose  marks a subcommand as one that runs a command
void add_admin_commands(CLI::App &app, CLI::App &agent, AdminOptions &options,
                        const std::function<void(CLI::App *, Command)> &choose);

/// "/admin/agents/<id>"
std::string agent_path(const AdminOptions &options);

int agent_show(const Client &client, const Output &output, const AdminOptions &options);
int agent_update(const Client &client, const Output &output, const AdminOptions &options);
int agent_revoke(const Client &client, const Output &output, const AdminOptions &options);
int agent_key_add(const Client &client, const Output &output, const AdminOptions &options);
int agent_key_rotate(const Client &client, const Output &output, const AdminOptions &options);
int agent_key_revoke(const Client &client, const Output &output, const AdminOptions &options);

int agent_identity_add(const Client &client, const Output &output, const AdminOptions &options);
int agent_identity_list(const Client &client, const Output &output, const AdminOptions &options);
int agent_identity_remove(const Client &client, const Output &output, const AdminOptions &options);

int agent_alias_add(const Client &client, const Output &output, const AdminOptions &options);
int agent_alias_list(const Client &client, const Output &output, const AdminOptions &options);
int agent_alias_remove(const Client &client, const Output &output, const AdminOptions &options);

int issuer_trust(const Client &client, const Output &output, const AdminOptions &options);
int issuer_list(const Client &client, const Output &output, const AdminOptions &options);
int issuer_remove(const Client &client, const Output &output, const AdminOptions &options);

int key_create(const Client &client, const Output &output, const AdminOptions &options);
int key_list(const Client &client, const Output &output, const AdminOptions &options);
int key_rotate(const Client &client, const Output &output, const AdminOptions &options);
int key_revoke(const Client &client, const Output &output, const AdminOptions &options);

int workspace_list(const Client &client, const Output &output, const AdminOptions &options);
int workspace_suspend(const Client &client, const Output &output, const AdminOptions &options);
int workspace_resume(const Client &client, const Output &output, const AdminOptions &options);

}  // namespace nexus::control::cli
