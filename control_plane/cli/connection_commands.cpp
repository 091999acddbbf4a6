// nexusctl connect and connection: start one, list, show. What changes one is connection_changes.cpp's.
#include <cstdio>

#include "control_plane/cli/commands.h"
#include "control_plane/cli/connection_wait.h"
#include "control_plane/cli/print.h"
#include "control_plane/url/url.h"
#include "shared/encoding/percent.h"

namespace nexus::control::cli {

namespace {

void print_connection(const json::Value &connection) {
    for (const std::string &name : connection.names()) {
        json::Value value = connection.get(name);
        std::string shown = value.is_string()                        ? std::string{value.as_string()}
                            : value.is_array()                       ? join(value)
                            : value.is_object() && value.size() == 0 ? "-"
                                                                     : value.dump_text();
        print_member(name, shown, 18);
    }
}

}  // namespace

int connect(const Client &client, const Output &output, const ConnectOptions &options) {
    json::Value body = json::Value::object();
    body.set("workspace_id", options.workspace)
        .set("user_id", options.user)
        .set("provider_name", options.provider)
        .set("scopes", options.scopes)
        .set("return_url", options.return_url.empty() ? client.url() + "/health" : options.return_url);
    if (!options.labels.empty()) {
        std::optional<json::Value> labels = parse_labels(options.labels);
        if (!labels) {
            return kExitUsage;
        }
        body.set("labels", std::move(*labels));
    }
    std::optional<json::Value> consent = expect(client.call("POST", "/v1/request-connection", &body));
    if (!consent) {
        return 1;
    }
    std::string id = text(*consent, "connection_id");
    if (output.json) {
        print_json(*consent);
    } else {
        print_member("connection", id);
        print_member("open", text(*consent, "authUrl"));
    }
    std::fflush(stdout);
    return options.wait ? wait_for_person(client, output, id, options.timeout_s, "pending") : 0;
}

int connection_list(const Client &client, const Output &output, const ConnectionListOptions &options) {
    std::string path = "/connections";
    for (const auto &[name, value] :
         {std::pair{"workspace_id", options.workspace}, std::pair{"provider", options.provider},
          std::pair{"state", options.state}}) {
        if (!value.empty()) {
            path = with_query(path, {{name, value}});
        }
    }
    for (const std::string &label : options.labels) {
        size_t equals = label.find('=');
        if (equals == std::string::npos) {
            problem("a label is name=value: " + printable(label));
            return kExitUsage;
        }
        path += (path.find('?') == std::string::npos ? "?label=" : "&label=") +
                encoding::percent_encode(label.substr(0, equals) + ":" + label.substr(equals + 1));
    }
    return print_list(client, output, path, {"ID", "WORKSPACE", "PROVIDER", "STATE", "EXPIRES"},
                      [](const json::Value &connection) -> std::vector<std::string> {
                          return {text(connection, "id"), text(connection, "workspace_id"),
                                  text(connection, "provider"), text(connection, "state"),
                                  text(connection, "expires_at")};
                      });
}

int connection_show(const Client &client, const Output &output, const std::string &id) {
    std::optional<json::Value> connection = expect(client.call("GET", connection_path(id)));
    if (!connection) {
        return 1;
    }
    output.json ? print_json(*connection) : print_connection(*connection);
    return 0;
}

}  // namespace nexus::control::cli
