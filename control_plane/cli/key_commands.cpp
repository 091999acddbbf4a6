// nexusctl key, agent key, agent show|update|revoke, workspace: callers and what they are let do.

#include "control_plane/cli/admin_lines.h"
#include "control_plane/cli/aliases.h"
#include "control_plane/cli/print.h"
#include "control_plane/url/url.h"
#include "shared/encoding/percent.h"

namespace nexus::control::cli {

namespace {

std::string agent_key_path(const AdminOptions &options) {
    return agent_path(options) + "/keys/" + encoding::percent_encode(options.key_id);
}

std::string key_path(const AdminOptions &options) {
    return "/admin/keys/" + encoding::percent_encode(options.id);
}

/// Sends, and prints the sentence for people or the answer for programs.
int run(const Client &client, const Output &output, std::string_view method, const std::string &path,
        const json::Value *body, const std::string &sentence) {
    std::optional<json::Value> answer = expect(client.call(method, path, body));
    if (!answer) {
        return 1;
    }
    if (output.json) {
        print_json(*answer);
    } else {
        print_line(sentence);
    }
    return 0;
}

/// The same for an answer with a new key in it.
int run_for_key(const Client &client, const Output &output, const std::string &path,
                const json::Value &body) {
    std::optional<json::Value> answer = expect(client.call("POST", path, &body), "key");
    if (!answer) {
        return 1;
    }
    if (output.json) {
        print_json(*answer);
        return 0;
    }
    json::Value key = answer->get("key");
    print_line("key   " + text(key, "secret"));
    if (key.contains("expires_at")) {
        print_line("until " + text(key, "expires_at"));
    }
    if (answer->contains("old_key")) {
        json::Value old = answer->get("old_key");
        print_line("old   " + text(old, "id") + " ends at " + text(old, "expires_at"));
    }
    print_line("The key is shown this once; the control plane keeps its SHA-256 only.");
    return 0;
}

json::Value rotation_body(const AdminOptions &options) {
    json::Value body = json::Value::object();
    if (options.overlap_s >= 0) {
        body.set("overlap_s", options.overlap_s);
    }
    if (options.expires_in_s > 0) {
        body.set("expires_in_s", options.expires_in_s);
    }
    return body;
}

}  // namespace

std::string agent_path(const AdminOptions &options) {
    return "/admin/agents/" + encoding::percent_encode(options.id);
}

int agent_show(const Client &client, const Output &output, const AdminOptions &options) {
    std::optional<json::Value> agent = expect(client.call("GET", agent_path(options)));
    if (!agent) {
        return 1;
    }
    if (output.json) {
        print_json(*agent);
        return 0;
    }
    for (const char *name : {"id", "name", "workspace_id", "state", "created_at"}) {
        print_member(name, text(*agent, name));
    }
    for (const char *name : {"grants", "connections", "providers"}) {
        print_member(name, join(agent->get(name)));
    }
    std::vector<std::vector<std::string>> rows;
    const json::Value keys = agent->get("keys");
    for (size_t i = 0; i < keys.size(); ++i) {
        const json::Value key = keys.at(i);
        rows.push_back({text(key, "id"), text(key, "state"), text_or_dash(key, "expires_at"),
                        text_or_dash(key, "last_used_at")});
    }
    print_table({"KEY", "STATE", "EXPIRES", "LAST USED"}, rows);
    if (agent->contains("aliases")) {
        print_aliases(agent->get("aliases"), "ALIAS");
    }
    return 0;
}

int agent_update(const Client &client, const Output &output, const AdminOptions &options) {
    json::Value body = json::Value::object();
    if (!options.name.empty()) {
        body.set("name", options.name);
    }
    if (!options.grants.empty()) {
        body.set("grants", options.grants);
    }
    if (!options.connections.empty() || options.all_connections) {
        body.set("connections", options.connections);
    }
    if (!options.providers.empty() || options.all_providers) {
        body.set("providers", options.providers);
    }
    return run(client, output, "PATCH", agent_path(options), &body, "updated " + options.id);
}

int agent_revoke(const Client &client, const Output &output, const AdminOptions &options) {
    return run(client, output, "DELETE", agent_path(options), nullptr, "revoked " + options.id);
}

int agent_key_add(const Client &client, const Output &output, const AdminOptions &options) {
    return run_for_key(client, output, agent_path(options) + "/keys", rotation_body(options));
}

int agent_key_rotate(const Client &client, const Output &output, const AdminOptions &options) {
    return run_for_key(client, output, agent_key_path(options) + "/rotate", rotation_body(options));
}

int agent_key_revoke(const Client &client, const Output &output, const AdminOptions &options) {
    return run(client, output, "DELETE", agent_key_path(options), nullptr, "revoked " + options.key_id);
}

int key_create(const Client &client, const Output &output, const AdminOptions &options) {
    json::Value body = json::Value::object();
    body.set("name", options.name).set("scopes", options.scopes);
    if (!options.workspace.empty()) {
        body.set("workspace_id", options.workspace);
    }
    if (options.expires_in_s > 0) {
        body.set("expires_in_s", options.expires_in_s);
    }
    return run_for_key(client, output, "/admin/keys", body);
}

int key_list(const Client &client, const Output &output, const AdminOptions &options) {
    std::string path = "/admin/keys";
    if (!options.workspace.empty()) {
        path = with_query(path, {{"workspace_id", options.workspace}});
    }
    return print_list(client, output, path, {"ID", "NAME", "WORKSPACE", "STATE", "LAST USED", "SCOPES"},
                      [](const json::Value &key) -> std::vector<std::string> {
                          return {text(key, "id"),
                                  text(key, "name"),
                                  text_or_dash(key, "workspace_id"),
                                  text(key, "state"),
                                  text_or_dash(key, "last_used_at"),
                                  join(key.get("scopes"))};
                      });
}

int key_rotate(const Client &client, const Output &output, const AdminOptions &options) {
    return run_for_key(client, output, key_path(options) + "/rotate", rotation_body(options));
}

int key_revoke(const Client &client, const Output &output, const AdminOptions &options) {
    return run(client, output, "DELETE", key_path(options), nullptr, "revoked " + options.id);
}

}  // namespace nexus::control::cli
