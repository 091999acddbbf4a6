// The grammar of nexusctl's commands about callers: see admin_lines.h.
#include "control_plane/cli/admin_lines.h"

#include <CLI/CLI.hpp>

namespace nexus::control::cli {

namespace {

using Choose = std::function<void(CLI::App *, Command)>;
using AdminCommand = int (*)(const Client &, const Output &, const AdminOptions &);

struct Grammar {
    AdminOptions &options;
    const Choose &choose;

    void runs(CLI::App *app, AdminCommand command) const {
        choose(app, [command, &chosen = options](const Client &client, const Output &output) {
            return command(client, output, chosen);
        });
    }
    void takes_id(CLI::App *app, const char *what) const {
        app->add_option("ID", options.id, what)->required();
    }
    void takes_lifetime(CLI::App *app) const {
        app->add_option("--expires-in", options.expires_in_s, "Lifetime of the key in seconds")
            ->check(CLI::PositiveNumber);
    }
    void takes_overlap(CLI::App *app) const {
        app->add_option("--overlap", options.overlap_s, "Seconds that the old key lives on (86400)")
            ->check(CLI::NonNegativeNumber);
    }
};

void add_agent(CLI::App &agent, const Grammar &grammar) {
    AdminOptions &options = grammar.options;
    CLI::App *show = agent.add_subcommand("show", "Show an agent and its keys");
    grammar.takes_id(show, "Agent");
    grammar.runs(show, agent_show);

    CLI::App *update = agent.add_subcommand("update", "Change an agent; what is not named stays");
    grammar.takes_id(update, "Agent");
    update->add_option("--name", options.name, "What people call it");
    update->add_option("--grant", options.grants, "Its grants from now on; may be repeated")->delimiter(',');
    CLI::Option *connections =
        update->add_option("--connection", options.connections, "Narrow to these connections")
            ->delimiter(',');
    CLI::Option *providers =
        update->add_option("--provider", options.providers, "Narrow to these providers")->delimiter(',');
    update->add_flag("--all-connections", options.all_connections, "No narrowing by connection")
        ->excludes(connections);
    update->add_flag("--all-providers", options.all_providers, "No narrowing by provider")
        ->excludes(providers);
    grammar.runs(update, agent_update);

    CLI::App *revoke = agent.add_subcommand("revoke", "Revoke an agent and all its keys");
    grammar.takes_id(revoke, "Agent");
    grammar.runs(revoke, agent_revoke);

    CLI::App *key = agent.add_subcommand("key", "Keys of an agent")->require_subcommand(1);
    CLI::App *add = key->add_subcommand("add", "Give the agent one more key; it is shown once");
    grammar.takes_id(add, "Agent");
    grammar.takes_lifetime(add);
    grammar.runs(add, agent_key_add);
    CLI::App *rotate = key->add_subcommand("rotate", "Replace a key; the old one lives on for the overlap");
    CLI::App *end = key->add_subcommand("revoke", "Revoke one key");
    for (CLI::App *command : {rotate, end}) {
        grammar.takes_id(command, "Agent");
        command->add_option("KEY_ID", options.key_id, "The middle part of the key")->required();
    }
    grammar.takes_lifetime(rotate);
    grammar.takes_overlap(rotate);
    grammar.runs(rotate, agent_key_rotate);
    grammar.runs(end, agent_key_revoke);
}

void add_key(CLI::App &app, const Grammar &grammar) {
    AdminOptions &options = grammar.options;
    CLI::App *key = app.add_subcommand("key", "Scoped control-plane keys")->require_subcommand(1);
    CLI::App *create = key->add_subcommand("create", "Create a key; it is shown once");
    create->add_option("--name", options.name, "What people call it")->required();
    create->add_option("--scope", options.scopes, "Scope, such as connections:read; may be repeated")
        ->required()
        ->delimiter(',');
    create->add_option("--workspace", options.workspace, "Bind it to this workspace");
    grammar.takes_lifetime(create);
    grammar.runs(create, key_create);
    CLI::App *list = key->add_subcommand("list", "List the keys, newest first");
    list->add_option("--workspace", options.workspace, "Only those bound to this workspace");
    grammar.runs(list, key_list);
    CLI::App *rotate = key->add_subcommand("rotate", "Replace a key; the old one lives on for the overlap");
    grammar.takes_id(rotate, "Key");
    grammar.takes_lifetime(rotate);
    grammar.takes_overlap(rotate);
    grammar.runs(rotate, key_rotate);
    CLI::App *revoke = key->add_subcommand("revoke", "Revoke a key");
    grammar.takes_id(revoke, "Key");
    grammar.runs(revoke, key_revoke);
}

void add_workspace(CLI::App &app, const Grammar &grammar) {
    CLI::App *workspace = app.add_subcommand("workspace", "Workspaces")->require_subcommand(1);
    grammar.runs(workspace->add_subcommand("list", "List the workspaces"), workspace_list);
    CLI::App *suspend = workspace->add_subcommand("suspend", "Stop all callers of a workspace");
    grammar.takes_id(suspend, "Workspace");
    grammar.runs(suspend, workspace_suspend);
    CLI::App *resume = workspace->add_subcommand("resume", "Let its callers in again");
    grammar.takes_id(resume, "Workspace");
    grammar.runs(resume, workspace_resume);
}

}  // namespace

void add_admin_commands(CLI::App &app, CLI::App &agent, AdminOptions &options, const Choose &choose) {
    const Grammar grammar{options, choose};
    add_agent(agent, grammar);
    add_key(app, grammar);
    add_workspace(app, grammar);
}

}  // namespace nexus::control::cli
