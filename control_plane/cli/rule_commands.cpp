// nexusctl connection rules: what a connection may be used for.
#include <algorithm>
#include <cstdio>

#include "control_plane/cli/connection_wait.h"
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
        std::printf("no rules: every request is allowed\n");
    }
    for (size_t i = 0; i < rules.size(); ++i) {
        std::printf("%s\n", printable(rules.at(i).as_string()).c_str());
    }
}

int store_rules(const Client &client, const Output &output, const std::string &id,
                const std::vector<std::string> &rules) {
    json::Value body = json::Value::object();
    body.set("request_rules", rules);
    const std::optional<json::Value> connection = expect(client.call("PATCH", connection_path(id), &body));
    if (!connection) {
        return 1;
    }
    output.json ? print_json(*connection) : print_rules(output, connection->get("request_rules"));
    return 0;
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
    const std::optional<json::Value> connection = expect(client.call("GET", connection_path(id)));
    if (!connection) {
        return 1;
    }
    std::vector<std::string> left;
    const json::Value before = connection->get("request_rules");
    for (size_t i = 0; i < before.size(); ++i) {
        left.emplace_back(before.at(i).as_string());
    }
    for (const std::string &rule : rules) {
        if (std::erase(left, rule) == 0) {
            return problem("the connection has no rule \"" + rule + "\"");
        }
    }
    // Who takes the last permission away does not mean to allow everything.
    if (left.empty()) {
        return problem("no rule would be left, and every request allowed: --all does that");
    }
    return store_rules(client, output, id, left);
}

}  // namespace nexus::control::cli
