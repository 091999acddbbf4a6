// The grammar of nexusctl's commands about callers: see admin_lines.h.
#include "control_plane/cli/admin_lines.h"

#include <CLI/CLI.hpp>

#include "control_plane/cli/numbers.h"
#include "control_plane/cli/words.h"

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
            ->check(at_least(1));
    }
    void takes_overlap(CLI::App *app) const {
        app->add_option("--overlap", options.overlap_s, "Seconds that the old key lives on (86400)")
            ->check(at_least(0));
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
    update->add_option("--grant", options.grants, "Its grants from now on; may be repeated")
        ->delimiter(',')
        ->check(a_grant());
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

void add_identity(CLI::App &agent, const Grammar &grammar) {
    AdminOptions &options = grammar.options;
    CLI::App *identity =
        agent.add_subcommand("identity", "What an agent is known by beside its keys")->require_subcommand(1);
    CLI::App *add =
        identity->add_subcommand("add", "Let the agent be known by a token, a certificate or a user");
    grammar.takes_id(add, "Agent");
    CLI::App *who = add->add_option_group("who")->require_option(1);
    CLI::Option *issuer = who->add_option("--issuer", options.issuer, "Trusted issuer of its JWTs");
    who->add_option("--san", options.san, "Name in its certificate, such as DNS:a.example");
    who->add_option("--uid", options.uid, "User id at the other end of a Unix socket")->check(at_least(0));
    issuer->needs(add->add_option("--subject", options.subject, "sub of its JWTs")->needs(issuer));
    grammar.runs(add, agent_identity_add);
    CLI::App *list = identity->add_subcommand("list", "List them, newest first");
    grammar.takes_id(list, "Agent");
    grammar.runs(list, agent_identity_list);
    CLI::App *remove = identity->add_subcommand("remove", "Take one away");
    grammar.takes_id(remove, "Agent");
    remove->add_option("IDENTITY_ID", options.key_id, "As `list` shows it")->required();
    grammar.runs(remove, agent_identity_remove);
}

void add_alias(CLI::App &agent, const Grammar &grammar) {
    AdminOptions &options = grammar.options;
    CLI::App *alias =
        agent.add_subcommand("alias", "An agent's own names of connections")->require_subcommand(1);
    CLI::App *add = alias->add_subcommand("add", "Give connections names");
    grammar.takes_id(add, "Agent");
    add->add_option("ALIAS", options.aliases, "NAME=CONNECTION_ID")->required();
    add->add_flag("--replace", options.replace, "Names that lead elsewhere lead there from now on");
    grammar.runs(add, agent_alias_add);
    CLI::App *list = alias->add_subcommand("list", "List them");
    grammar.takes_id(list, "Agent");
    grammar.runs(list, agent_alias_list);
    CLI::App *remove = alias->add_subcommand("remove", "Take names away");
    grammar.takes_id(remove, "Agent");
    remove->add_option("NAME", options.aliases, "As `list` shows it")->required();
    grammar.runs(remove, agent_alias_remove);
}

void add_issuer(CLI::App &app, const Grammar &grammar) {
    AdminOptions &options = grammar.options;
    CLI::App *issuer = app.add_subcommand("issuer", "Issuers of callers' JWTs")->require_subcommand(1);
    CLI::App *trust = issuer->add_subcommand("trust", "Trust an issuer");
    trust->add_option("ISSUER", options.issuer, "https URL, as its tokens write it")->required();
    trust->add_option("--audience", options.audiences, "That its tokens must name; may be repeated")
        ->required();
    trust
        ->add_option("--algorithm", options.algorithms,
                     "That may sign them (RS256, ES256, EdDSA); may be repeated")
        ->delimiter(',');
    trust->add_option("--workspace", options.workspace, "Whose agents they may name");
    CLI::Option *uri =
        trust->add_option("--jwks-uri", options.jwks_uri, "Where its keys are, if not by discovery");
    trust->add_option("--jwks", options.jwks_file, "File with its keys (JWK Set)")->excludes(uri);
    grammar.runs(trust, issuer_trust);
    CLI::App *list = issuer->add_subcommand("list", "List trusted issuers, newest first");
    list->add_option("--workspace", options.workspace, "Only those of this workspace");
    grammar.runs(list, issuer_list);
    CLI::App *remove = issuer->add_subcommand("remove", "Trust an issuer no longer");
    grammar.takes_id(remove, "Issuer");
    grammar.runs(remove, issuer_remove);
}

void add_key(CLI::App &app, const Grammar &grammar) {
    AdminOptions &options = grammar.options;
    CLI::App *key = app.add_subcommand("key", "Scoped control-plane keys")->require_subcommand(1);
    CLI::App *create = key->add_subcommand("create", "Create a key; it is shown once");
    create->add_option("--name", options.name, "What people call it")->required();
    create->add_option("--scope", options.scopes, "What it may do; may be repeated")
        ->required()
        ->delimiter(',')
        ->check(a_scope());
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
    add_identity(agent, grammar);
    add_alias(agent, grammar);
    add_issuer(app, grammar);
    add_key(app, grammar);
    add_workspace(app, grammar);
}

}  // namespace nexus::control::cli
