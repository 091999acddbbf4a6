// nexusctl's commands. Each returns the exit code: 0 done, 1 failed. Results go to stdout, problems to
// stderr.
#pragma once

#include <string>
#include <vector>

#include "control_plane/cli/client.h"

namespace nexus::control::cli {

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

}  // namespace nexus::control::cli
