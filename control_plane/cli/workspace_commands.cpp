// nexusctl workspace: list, suspend, resume.
#include "control_plane/cli/admin_lines.h"
#include "control_plane/cli/print.h"
#include "shared/encoding/percent.h"

namespace nexus::control::cli {

namespace {

int set_suspended(const Client &client, const Output &output, const AdminOptions &options, bool suspended) {
    json::Value body = json::Value::object();
    body.set("suspended", suspended);
    std::optional<json::Value> workspace =
        expect(client.call("PATCH", "/admin/workspaces/" + encoding::percent_encode(options.id), &body));
    if (!workspace) {
        return 1;
    }
    if (output.json) {
        print_json(*workspace);
    } else {
        print_line(text(*workspace, "id") + " is " + text(*workspace, "state"));
    }
    return 0;
}

}  // namespace

int workspace_list(const Client &client, const Output &output, const AdminOptions &) {
    return print_list(client, output, "/admin/workspaces", {"ID", "NAME", "STATE", "CREATED"},
                      [](const json::Value &workspace) -> std::vector<std::string> {
                          return {text(workspace, "id"), text(workspace, "name"), text(workspace, "state"),
                                  text(workspace, "created_at")};
                      });
}

int workspace_suspend(const Client &client, const Output &output, const AdminOptions &options) {
    return set_suspended(client, output, options, true);
}

int workspace_resume(const Client &client, const Output &output, const AdminOptions &options) {
    return set_suspended(client, output, options, false);
}

}  // namespace nexus::control::cli
