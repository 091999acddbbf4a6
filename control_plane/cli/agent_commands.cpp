// nexusctl agent: create, list.

#include "control_plane/cli/aliases.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/print.h"
#include "control_plane/url/url.h"

namespace nexus::control::cli {

int agent_create(const Client &client, const Output &output, const AgentCreateOptions &options) {
    json::Value body = json::Value::object();
    body.set("name", options.name).set("workspace_id", options.workspace).set("grants", options.grants);
    if (!options.connections.empty()) {
        body.set("connections", options.connections);
    }
    if (!options.providers.empty()) {
        body.set("providers", options.providers);
    }
    if (!options.aliases.empty()) {
        std::optional<json::Value> aliases = parse_aliases(options.aliases);
        if (!aliases) {
            return kExitUsage;
        }
        body.set("aliases", std::move(*aliases));
    }
    if (options.expires_in_s > 0) {
        body.set("key_expires_in_s", options.expires_in_s);
    }
    std::optional<json::Value> agent = expect(client.call("POST", "/admin/agents", &body), "key");
    if (!agent) {
        return 1;
    }
    if (output.json) {
        print_json(*agent);
        return 0;
    }
    json::Value key = agent->get("key");
    print_line("agent " + text(*agent, "name") + " (" + text(*agent, "id") + ") in workspace " +
               text(*agent, "workspace_id") + ": " + join(agent->get("grants")));
    print_line("key   " + text(key, "secret"));
    print_line("The key is shown this once; the control plane keeps its SHA-256 only.");
    return 0;
}

int agent_list(const Client &client, const Output &output, const std::string &workspace) {
    std::string path = "/admin/agents";
    if (!workspace.empty()) {
        path = with_query(path, {{"workspace_id", workspace}});
    }
    return print_list(client, output, path, {"ID", "NAME", "WORKSPACE", "STATE", "GRANTS"},
                      [](const json::Value &agent) -> std::vector<std::string> {
                          return {text(agent, "id"), text(agent, "name"), text(agent, "workspace_id"),
                                  text(agent, "state"), join(agent.get("grants"))};
                      });
}

}  // namespace nexus::control::cli
