// nexusctl connection rules: what a connection may be used for.
#include <algorithm>

#include "control_plane/cli/connection_wait.h"
#include "control_plane/cli/edit.h"
#include "control_plane/cli/print.h"
#include "shared/http1/request_rules.h"

namespace nexus::control::cli {

namespace {

/// What the control plane would refuse too, told with the rule that is wrong.
bool are_rules(const std::vector<std::string> &rules) {
    const auto odd = std::find_if_not(rules.begin(), rules.end(), http1::is_request_rule);
    if (odd == rules.end()) {
        return true;
    }
    problem(
        "\"" + *odd +
        "\" is no rule: METHOD PATH in one argument, such as \"GET /repos/*\", with a plain absolute path");
    return false;
}

void print_rules(const Output &output, const json::Value &rules) {
    if (output.json) {
        rules.is_array() ? print_json(rules) : print_json(json::Value::array());
        return;
    }
    if (rules.size() == 0) {
        print_line("no rules: every request is allowed");
    }
    for (size_t i = 0; i < rules.size(); ++i) {
        print_line(rules.at(i).as_string());
    }
}

json::Value with_rules(const std::vector<std::string> &rules) {
    json::Value body = json::Value::object();
    body.set("request_rules", rules);
    return body;
}

/// The end of a command that wrote. returns the exit code
int print_stored(const Output &output, const std::optional<json::Value> &connection) {
    if (!connection) {
        return 1;
    }
    output.json ? print_json(*connection) : print_rules(output, connection->get("request_rules"));
    return 0;
}

int store_rules(const Client &client, const Output &output, const std::string &id,
                const std::vector<std::string> &rules) {
    const json::Value body = with_rules(rules);
    return print_stored(output, expect(client.call("PATCH", connection_path(id), &body)));
}

/// What is left without some of them; nullopt = told already.
std::optional<json::Value> without(const std::vector<std::string> &rules, const json::Value &connection) {
    std::vector<std::string> left;
    const json::Value before = connection.get("request_rules");
    for (size_t i = 0; i < before.size(); ++i) {
        left.emplace_back(before.at(i).as_string());
    }
    for (const std::string &rule : rules) {
        if (std::erase(left, rule) == 0) {
            problem("the connection has no rule \"" + rule + "\"");
            return std::nullopt;
        }
    }
    // Who takes the last permission away does not mean to allow everything.
    if (left.empty()) {
        problem("no rule would be left, and every request allowed: --all does that");
        return std::nullopt;
    }
    return with_rules(left);
}

}  // namespace

int connection_rules_show(const Client &client, const Output &output, const std::string &id) {
    const std::optional<json::Value> connection = expect(client.call("GET", connection_path(id)));
    if (!connection) {
        return 1;
    }
    print_rules(output, connection->get("request_rules"));
    return 0;
}

int connection_rules_set(const Client &client, const Output &output, const std::string &id,
                         const std::vector<std::string> &rules) {
    return are_rules(rules) ? store_rules(client, output, id, rules) : 2;
}

int connection_rules_remove(const Client &client, const Output &output, const std::string &id,
                            const std::vector<std::string> &rules) {
    if (rules.empty()) {
        return store_rules(client, output, id, {});
    }
    return print_stored(output, edit(client, connection_path(id), [&](const json::Value &connection) {
                            return without(rules, connection);
                        }));
}

}  // namespace nexus::control::cli
