// nexusctl connection: revoke, delete, reconnect, label.
#include <chrono>
#include <cstdio>
#include <thread>

#include "control_plane/cli/connection_wait.h"
#include "control_plane/cli/print.h"
#include "shared/encoding/percent.h"

namespace nexus::control::cli {

namespace {

constexpr std::chrono::milliseconds kPoll{1000};

// What the provider said, for people.
std::string upstream(const json::Value &answer) {
    json::Value told = answer.get("upstream_revoked");
    if (told.is_boolean()) {
        return told.as_boolean() ? "; the provider took its tokens back" : "; the provider could not be told";
    }
    return "";
}

int ended(const Output &output, const std::optional<json::Value> &answer, const char *verb) {
    if (!answer) {
        return 1;
    }
    if (output.json) {
        print_json(*answer);
    } else {
        print_line(std::string{verb} + " " + text(*answer, "id") + upstream(*answer));
    }
    return 0;
}

}  // namespace

std::string connection_path(const std::string &id) {
    return "/connections/" + encoding::percent_encode(id);
}

std::optional<json::Value> parse_labels(const std::vector<std::string> &labels) {
    json::Value out = json::Value::object();
    for (const std::string &label : labels) {
        size_t equals = label.find('=');
        if (equals != std::string::npos) {
            out.set(label.substr(0, equals), label.substr(equals + 1));
        } else if (label.size() > 1 && label.ends_with('-')) {
            out.set(label.substr(0, label.size() - 1), json::Value{});
        } else {
            problem("a label is name=value, or name- to take it away: " + label);
            return std::nullopt;
        }
    }
    return out;
}

int wait_for_person(const Client &client, const Output &output, const std::string &id, int timeout_s,
                    const std::string &while_state) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{timeout_s};
    for (;;) {
        std::optional<json::Value> connection = expect(client.call("GET", connection_path(id)));
        if (!connection) {
            return 1;
        }
        std::string state = text(*connection, "state");
        bool still = state == while_state && connection->contains("flow_expires_at");
        if (!still) {
            if (output.json) {
                print_json(*connection);
            } else {
                print_member("state", state);
            }
            return state == "active" ? 0 : 1;
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            return problem("still " + while_state + " after " + std::to_string(timeout_s) + " s");
        }
        std::this_thread::sleep_for(kPoll);
    }
}

int connection_revoke(const Client &client, const Output &output, const std::string &id) {
    return ended(output, expect(client.call("POST", connection_path(id) + "/revoke")), "revoked");
}

int connection_delete(const Client &client, const Output &output, const std::string &id) {
    return ended(output, expect(client.call("DELETE", connection_path(id))), "deleted");
}

int connection_reconnect(const Client &client, const Output &output, const std::string &id,
                         const ReconnectOptions &options) {
    json::Value body = json::Value::object();
    if (!options.return_url.empty()) {
        body.set("return_url", options.return_url);
    }
    body.set("allow_other_account", options.allow_other_account);
    std::optional<json::Value> consent =
        expect(client.call("POST", connection_path(id) + "/reconnect", &body));
    if (!consent) {
        return 1;
    }
    if (output.json) {
        print_json(*consent);
    } else {
        print_member("connection", text(*consent, "connection_id"));
        print_member("open", text(*consent, "authUrl"));
    }
    std::fflush(stdout);
    return options.wait ? wait_for_person(client, output, id, options.timeout_s, text(*consent, "status"))
                        : 0;
}

int connection_label(const Client &client, const Output &output, const std::string &id,
                     const std::vector<std::string> &labels) {
    std::optional<json::Value> patch = parse_labels(labels);
    if (!patch) {
        return kExitUsage;
    }
    json::Value body = json::Value::object();
    body.set("labels", std::move(*patch));
    std::optional<json::Value> connection = expect(client.call("PATCH", connection_path(id), &body));
    if (!connection) {
        return 1;
    }
    if (output.json) {
        print_json(*connection);
        return 0;
    }
    json::Value all = connection->get("labels");
    for (const std::string &name : all.names()) {
        print_line(name + "=" + text(all, name));
    }
    return 0;
}

}  // namespace nexus::control::cli
