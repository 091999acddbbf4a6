// nexusctl agent alias: an agent's own names of connections. The control plane knows the whole set only, so
// add and remove read it, and write it back changed (edit.h).
#include "control_plane/cli/admin_lines.h"
#include "control_plane/cli/aliases.h"
#include "control_plane/cli/edit.h"
#include "control_plane/cli/print.h"
#include "shared/encoding/hex.h"
#include "shared/record/caller_record.h"

namespace nexus::control::cli {

namespace {

/// {name: id}
json::Value aliases_of(const json::Value &agent) {
    return agent.contains("aliases") ? agent.get("aliases") : json::Value::object();
}

/// change  takes {name: id} and says whether to write it; false = told already
int change_aliases(const Client &client, const Output &output, const AdminOptions &options,
                   const std::function<bool(json::Value &aliases)> &change) {
    const auto agent = edit(client, agent_path(options), [&](const json::Value &before) {
        std::optional<json::Value> body;
        if (json::Value aliases = aliases_of(before); change(aliases)) {
            body = json::Value::object();
            body->set("aliases", std::move(aliases));
        }
        return body;
    });
    if (!agent) {
        return 1;
    }
    output.json ? print_json(*agent) : print_aliases(agent->get("aliases"), "NAME");
    return 0;
}

}  // namespace

std::optional<json::Value> parse_aliases(const std::vector<std::string> &aliases) {
    const auto refuse = [](const std::string &sentence) {
        problem(sentence);
        return std::nullopt;
    };
    json::Value out = json::Value::object();
    for (const std::string &alias : aliases) {
        const size_t equals = alias.find('=');
        if (equals == std::string::npos) {
            return refuse("an alias is NAME=CONNECTION_ID: " + alias);
        }
        const std::string name = alias.substr(0, equals), id = alias.substr(equals + 1);
        if (!record::is_alias(name)) {
            return refuse(
                "\"" + name +
                "\" is no name for an alias: 1 to 63 lower-case letters, digits, '.', '_' and '-', a "
                "letter or digit first, no UUID");
        }
        if (!encoding::is_uuid(id)) {
            return refuse("alias " + name + " needs a connection's id, a UUID: \"" + id + "\"");
        }
        if (out.contains(name)) {
            return refuse("alias " + name + " is given twice");
        }
        out.set(name, encoding::to_lower_ascii(id));
    }
    return out;
}

void print_aliases(const json::Value &aliases, const char *name_head) {
    std::vector<std::vector<std::string>> rows;
    for (const std::string &name : aliases.names()) {
        rows.push_back({name, text(aliases, name)});
    }
    print_table({name_head, "CONNECTION"}, rows);
}

int agent_alias_add(const Client &client, const Output &output, const AdminOptions &options) {
    const std::optional<json::Value> added = parse_aliases(options.aliases);
    if (!added) {
        return kExitUsage;
    }
    return change_aliases(client, output, options, [&](json::Value &aliases) {
        for (const std::string &name : added->names()) {
            const std::string id = text(*added, name), before = text(aliases, name);
            if (!before.empty() && before != id && !options.replace) {
                problem("alias " + name + " leads to " + before + " already; --replace takes it elsewhere");
                return false;
            }
            aliases.set(name, id);
        }
        return true;
    });
}

int agent_alias_list(const Client &client, const Output &output, const AdminOptions &options) {
    const std::optional<json::Value> agent = expect(client.call("GET", agent_path(options)));
    if (!agent) {
        return 1;
    }
    const json::Value aliases = aliases_of(*agent);
    output.json ? print_json(aliases) : print_aliases(aliases, "NAME");
    return 0;
}

int agent_alias_remove(const Client &client, const Output &output, const AdminOptions &options) {
    return change_aliases(client, output, options, [&](json::Value &aliases) {
        for (const std::string &name : options.aliases) {
            if (!aliases.contains(name)) {
                problem("the agent has no alias \"" + name + "\"");
                return false;
            }
            aliases.erase(name);
        }
        return true;
    });
}

}  // namespace nexus::control::cli
