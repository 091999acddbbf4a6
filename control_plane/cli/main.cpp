// nexusctl: the command line's grammar. What a command does is in the *_commands.cpp files.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <string>

#include "control_plane/cli/admin_lines.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/numbers.h"
#include "control_plane/cli/print.h"
#include "control_plane/cli/standard_streams.h"
#include "control_plane/cli/words.h"
#include "control_plane/takeover/take_over.h"
#include "control_plane/url/url.h"
#include "control_plane/version.h"

namespace nexus::control::cli {
namespace {

/// Parsed arguments and the command that they chose.
struct Line {
    Output output;
    std::string output_format;
    std::string file;
    std::string id;
    std::string workspace;
    AgentCreateOptions agent;
    ConnectOptions connect;
    ConnectionListOptions connections;
    AdminOptions admin;
    ReconnectOptions reconnect;
    std::vector<std::string> labels;
    std::vector<std::string> rules;
    bool all_rules = false;
    takeover::Options take_over;
    RotateOptions rotate;
    AuditListOptions audit;
    AuditVerifyOptions verify;
    Command command;
    int exit_if_lost = 1;

    /// lost  the exit code where stdout does not take what the command prints
    void choose(CLI::App *app, Command chosen, int lost = 1) {
        app->add_flag("--json", output.json, "Print JSON");
        app->add_option("--output", output_format, "Output format")->check(CLI::IsMember({"text", "json"}));
        app->callback([this, chosen = std::move(chosen), lost] {
            command = chosen;
            exit_if_lost = lost;
        });
    }
};

void add_provider(CLI::App &app, Line &line) {
    CLI::App *provider = app.add_subcommand("provider", "Provider profiles")->require_subcommand(1);
    CLI::App *apply =
        provider->add_subcommand("apply", "Create or replace the providers of a manifest, by name");
    apply->add_option("-f,--file", line.file, "YAML manifest; ${NAME} in values comes from the environment")
        ->required();
    line.choose(apply, [&line](const Client &client, const Output &output) {
        return provider_apply(client, output, line.file);
    });
    line.choose(provider->add_subcommand("list", "List the providers"), provider_list);
}

void add_agent(CLI::App &app, Line &line) {
    CLI::App *agent = app.add_subcommand("agent", "Agents and their keys")->require_subcommand(1);
    CLI::App *create = agent->add_subcommand("create", "Create an agent; its key is shown once");
    create->add_option("--name", line.agent.name, "What people call it")->required();
    create->add_option("--workspace", line.agent.workspace, "Workspace it belongs to")->required();
    create->add_option("--grant", line.agent.grants, "What it may do; may be repeated")
        ->required()
        ->delimiter(',')
        ->check(a_grant());
    create->add_option("--connection", line.agent.connections, "Narrow to this connection; may be repeated")
        ->delimiter(',');
    create->add_option("--provider", line.agent.providers, "Narrow to this provider; may be repeated")
        ->delimiter(',');
    create->add_option("--alias", line.agent.aliases,
                       "NAME=CONNECTION_ID: its own name of a connection; may be repeated");
    create->add_option("--expires-in", line.agent.expires_in_s, "Lifetime of the key in seconds")
        ->check(at_least(1));
    line.choose(create, [&line](const Client &client, const Output &output) {
        return agent_create(client, output, line.agent);
    });
    CLI::App *list = agent->add_subcommand("list", "List agents");
    list->add_option("--workspace", line.workspace, "Only of this workspace");
    line.choose(list, [&line](const Client &client, const Output &output) {
        return agent_list(client, output, line.workspace);
    });
}

void add_connect(CLI::App &app, Line &line) {
    CLI::App *start =
        app.add_subcommand("connect", "Start a connection and print the URL a person must open");
    start->add_option("--provider", line.connect.provider, "Provider name")->required();
    start->add_option("--workspace", line.connect.workspace, "Workspace of the connection")->required();
    start->add_option("--user", line.connect.user, "Whose account it is")->required();
    start->add_option("--scope", line.connect.scopes, "Scope; may be repeated (default: the profile's)")
        ->delimiter(',');
    start->add_option("--return-url", line.connect.return_url, "Where the browser goes afterwards");
    start->add_option("--label", line.connect.labels, "name=value; may be repeated");
    start->add_flag("--wait", line.connect.wait, "Wait until the connection is active");
    start->add_option("--timeout", line.connect.timeout_s, "With --wait: seconds (600)")->check(at_least(1));
    line.choose(start, [&line](const Client &client, const Output &output) {
        return connect(client, output, line.connect);
    });
}

void add_reconnect(CLI::App &connection, Line &line) {
    CLI::App *again = connection.add_subcommand(
        "reconnect", "Connect the same account again, and print the URL a person must open");
    again->add_option("ID", line.id)->required();
    again->add_option("--return-url", line.reconnect.return_url,
                      "Where the browser goes afterwards (default: as the last time)");
    again->add_flag("--allow-other-account", line.reconnect.allow_other_account,
                    "Take another upstream account too");
    again->add_flag("--wait", line.reconnect.wait, "Wait until the person is done");
    again->add_option("--timeout", line.reconnect.timeout_s, "With --wait: seconds (600)")
        ->check(at_least(1));
    line.choose(again, [&line](const Client &client, const Output &output) {
        return connection_reconnect(client, output, line.id, line.reconnect);
    });
}

void add_rules(CLI::App &connection, Line &line) {
    CLI::App *rules =
        connection.add_subcommand("rules", "What a connection may be used for at injecting edges")
            ->require_subcommand(1);
    CLI::App *show = rules->add_subcommand("show", "Show them, one a line");
    CLI::App *set = rules->add_subcommand("set", "Allow these requests and no others");
    CLI::App *remove = rules->add_subcommand("remove", "Take rules away, or all of them");
    for (CLI::App *command : {show, set, remove}) {
        command->add_option("ID", line.id, "Connection")->required();
    }
    set->add_option("RULE", line.rules, "METHOD PATH in one argument, such as \"GET /repos/*\"")->required();
    CLI::Option *which = remove->add_option("RULE", line.rules, "As `show` prints it");
    remove->add_flag("--all", line.all_rules, "All: every request is allowed again")->excludes(which);
    line.choose(show, [&line](const Client &client, const Output &output) {
        return connection_rules_show(client, output, line.id);
    });
    line.choose(set, [&line](const Client &client, const Output &output) {
        return connection_rules_set(client, output, line.id, line.rules);
    });
    line.choose(remove, [&line](const Client &client, const Output &output) {
        if (line.rules.empty() && !line.all_rules) {
            problem("which rules? RULE or --all is required");
            return kExitUsage;
        }
        return connection_rules_remove(client, output, line.id, line.rules);
    });
}

void add_connection(CLI::App &app, Line &line) {
    CLI::App *connection = app.add_subcommand("connection", "Connections")->require_subcommand(1);
    CLI::App *list = connection->add_subcommand("list", "List connections, newest first");
    list->add_option("--workspace", line.connections.workspace, "Only of this workspace");
    list->add_option("--provider", line.connections.provider, "Only of this provider");
    list->add_option("--state", line.connections.state, "Only in this state")->check(a_state());
    list->add_option("--label", line.connections.labels, "Only with this name=value; may be repeated");
    line.choose(list, [&line](const Client &client, const Output &output) {
        return connection_list(client, output, line.connections);
    });
    CLI::App *show = connection->add_subcommand("show", "Show one connection");
    show->add_option("ID", line.id)->required();
    line.choose(show, [&line](const Client &client, const Output &output) {
        return connection_show(client, output, line.id);
    });
    CLI::App *revoke = connection->add_subcommand("revoke", "Revoke a connection for good");
    revoke->add_option("ID", line.id)->required();
    line.choose(revoke, [&line](const Client &client, const Output &output) {
        return connection_revoke(client, output, line.id);
    });
    CLI::App *remove = connection->add_subcommand("delete", "Revoke a connection and forget it");
    remove->add_option("ID", line.id)->required();
    line.choose(remove, [&line](const Client &client, const Output &output) {
        return connection_delete(client, output, line.id);
    });
    CLI::App *label = connection->add_subcommand("label", "Set labels, or take them away");
    label->add_option("ID", line.id)->required();
    label->add_option("LABEL", line.labels, "name=value, or name- to take it away")->required();
    line.choose(label, [&line](const Client &client, const Output &output) {
        return connection_label(client, output, line.id, line.labels);
    });
    add_rules(*connection, line);
    add_reconnect(*connection, line);
}

void add_import(CLI::App &app, Line &line) {
    CLI::App *import =
        app.add_subcommand("import", "Take connections over from elsewhere")->require_subcommand(1);
    CLI::App *nexus = import->add_subcommand(
        "nexus",
        "Move a Nexus Framework database here. Only tells what would happen, unless --apply is given.\n"
        "Its key comes from NEXUS_IMPORT_ENCRYPTION_KEY or ENCRYPTION_KEY (or ..._FILE), the database's "
        "password best from PGPASSWORD or --from-file.");
    takeover::Options &options = line.take_over;
    auto *source = nexus->add_option_group("source")->require_option(1);
    source->add_option("--from", options.from, "postgresql://USER@HOST/DATABASE");
    source->add_option("--from-file", options.from_file, "File that holds that URL");
    nexus->add_flag("--apply", options.apply, "Do it");
    nexus->add_flag("--include-deleted", options.include_deleted,
                    "Deleted providers that still have connections live again");
    nexus->add_flag(
        "--retry-attention", options.map.retry_attention,
        "Connections in attention that have a refresh token become active: the next refresh tells");
    nexus->add_option("--workspace", options.map.workspace,
                      "Put all connections into this workspace (default: each keeps its own)");
    nexus->add_flag("--quiet", options.quiet, "Only what is refused, and the sums");
    line.choose(nexus, [&line](const Client &client, const Output &output) {
        line.take_over.json = output.json;
        return takeover::take_over(client, line.take_over);
    });
}

void add_keys(CLI::App &app, Line &line) {
    CLI::App *keys = app.add_subcommand("keys", "Keys of the vault")->require_subcommand(1);
    line.choose(keys->add_subcommand("status", "What each key still seals, and which can be removed"),
                keys_status);
    CLI::App *rotate = keys->add_subcommand(
        "rotate", "Seal everything under the current key; may be stopped and given again");
    rotate->add_option("--rate", line.rotate.rate, "At most so many a second (default: as fast as it goes)")
        ->check(at_least(1));
    rotate->add_option("--batch", line.rotate.batch, "So many in one transaction (500)")
        ->check(CLI::Range(1, 1000));
    rotate->add_flag("--quiet", line.rotate.quiet, "No progress on stderr");
    line.choose(rotate, [&line](const Client &client, const Output &output) {
        return keys_rotate(client, output, line.rotate);
    });
}

void add_audit(CLI::App &app, Line &line) {
    CLI::App *audit = app.add_subcommand("audit", "The audit log")->require_subcommand(1);
    CLI::App *list = audit->add_subcommand("list", "List events, newest first");
    list->add_option("--type", line.audit.type, "Only of this type");
    list->add_option("--connection", line.audit.connection, "Only of this connection");
    list->add_option("--workspace", line.audit.workspace, "Only of this workspace");
    list->add_option("--provider", line.audit.provider, "Only of this provider (id)");
    list->add_option("--actor", line.audit.actor, "Only of this actor, such as agent:ID or key:full");
    list->add_option("--since", line.audit.since, "Not before this time (RFC 3339)");
    list->add_option("--until", line.audit.until, "Before this time (RFC 3339)");
    list->add_option("--limit", line.audit.limit, "At most so many (50)")->check(at_least(1));
    line.choose(list, [&line](const Client &client, const Output &output) {
        return audit_list(client, output, line.audit);
    });
    CLI::App *verify =
        audit->add_subcommand("verify", "Look for rows that were edited, removed, reordered or put back");
    verify->add_option("--after", line.verify.after, "Begin behind this sequence")->check(at_least(0));
    verify->add_option("--expect", line.verify.expect,
                       "SEQUENCE:HASH that an earlier verify printed: the chain must still hold it");
    line.choose(
        verify,
        [&line](const Client &client, const Output &output) {
            return audit_verify(client, output, line.verify);
        },
        kExitNotVerified);
}

int parse_and_run(int argc, char **argv, bool has_stdout, Line &line) {
    json::install_wiping_allocator();
    CLI::App app(
        "nexusctl: administers Nexus Edge.\n"
        "Environment: NEXUS_URL (default http://127.0.0.1:8080), API_KEY or API_KEY_FILE, NEXUS_CA_FILE.");
    app.set_version_flag("--version", "nexusctl " + std::string{kVersion});
    app.require_subcommand(1);
    add_provider(app, line);
    add_agent(app, line);
    add_admin_commands(
        app, *app.get_subcommand("agent"), line.admin,
        [&line](CLI::App *command, Command chosen) { line.choose(command, std::move(chosen)); });
    add_connect(app, line);
    add_connection(app, line);
    add_import(app, line);
    add_keys(app, line);
    add_audit(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::RequiredError &error) {
        // A command that there is not is left over where one was required; CLI11 tells the latter only.
        const std::vector<std::string> extras = app.remaining(true);
        return app.exit(extras.empty() ? static_cast<const CLI::ParseError &>(error)
                                       : CLI::ExtrasError(extras)) == 0
                   ? 0
                   : kExitUsage;
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    if (!has_stdout) {
        problem("stdout is closed, so nothing was done: what it prints would be lost");
        return line.exit_if_lost;
    }
    line.output.json = line.output.json || line.output_format == "json";
    const std::string url = nexus_url_from_environment();
    if (Result<Url> parsed = parse_http_url(url, "NEXUS_URL"); !parsed) {
        problem(parsed.error().message + ": " + printable(url));
        return kExitUsage;
    }
    Result<Secret> key = api_key_from_environment();
    if (!key) {
        problem(key.error().message);
        return kExitUsage;
    }
    Client client(url, std::move(*key));
    return line.command(client, line.output);
}

int run(int argc, char **argv) {
    const bool has_stdout = hold_standard_streams();
    Line line;
    const int code = parse_and_run(argc, argv, has_stdout, line);
    return output_arrived() || code != 0 ? code : line.exit_if_lost;
}

}  // namespace
}  // namespace nexus::control::cli

int main(int argc, char **argv) {
    try {
        return nexus::control::cli::run(argc, argv);
    } catch (const std::exception &) {
        return nexus::control::cli::problem("ended by an internal error");
    }
}
