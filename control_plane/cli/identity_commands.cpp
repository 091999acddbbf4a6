// nexusctl agent identity, issuer: callers without API keys, and whose tokens are believed.
#include <fstream>
#include <iterator>

#include "control_plane/cli/admin_lines.h"
#include "control_plane/cli/print.h"
#include "control_plane/url/url.h"
#include "shared/encoding/percent.h"

namespace nexus::control::cli {

namespace {

std::string identities_path(const AdminOptions &options) {
    return agent_path(options) + "/identities";
}

std::string issuer_path(const AdminOptions &options) {
    return "/admin/issuers/" + encoding::percent_encode(options.id);
}

/// The one of its members that says who it is.
std::string name_of(const json::Value &identity) {
    if (identity.contains("san")) {
        return text(identity, "san");
    }
    if (identity.contains("uid")) {
        return "uid " + std::to_string(identity.get("uid").as_integer());
    }
    return text(identity, "subject") + " of " + text(identity, "issuer");
}

int print_one(const Output &output, const std::optional<json::Value> &answer, const std::string &sentence) {
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

/// A JWK Set in a file. returns nullopt: said why on stderr
std::optional<json::Value> read_jwks(const std::string &file) {
    std::ifstream in(file);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    Result<json::Value> set = json::parse_object(text);
    if (!in.is_open() || !set) {
        problem(file + ": " + (in.is_open() ? set.error().message : "cannot be read"));
        return std::nullopt;
    }
    return std::move(*set);
}

}  // namespace

int agent_identity_add(const Client &client, const Output &output, const AdminOptions &options) {
    json::Value body = json::Value::object();
    if (!options.san.empty()) {
        body.set("kind", "mtls").set("san", options.san);
    } else if (options.uid >= 0) {
        body.set("kind", "peer").set("uid", options.uid);
    } else {
        body.set("kind", "jwt").set("issuer", options.issuer).set("subject", options.subject);
    }
    const std::optional<json::Value> identity = expect(client.call("POST", identities_path(options), &body));
    return print_one(output, identity,
                     identity ? "identity " + text(*identity, "id") + ": " + name_of(*identity) : "");
}

int agent_identity_list(const Client &client, const Output &output, const AdminOptions &options) {
    const std::optional<json::Value> answer = expect(client.call("GET", identities_path(options)));
    if (!answer) {
        return 1;
    }
    const json::Value items = answer->get("items");
    if (output.json) {
        print_json(items);
        return 0;
    }
    std::vector<std::vector<std::string>> rows;
    for (size_t i = 0; i < items.size(); ++i) {
        const json::Value identity = items.at(i);
        rows.push_back({text(identity, "id"), text(identity, "kind"), name_of(identity),
                        text_or_dash(identity, "last_used_at")});
    }
    print_table({"ID", "KIND", "NAME", "LAST USED"}, rows);
    return 0;
}

int agent_identity_remove(const Client &client, const Output &output, const AdminOptions &options) {
    const std::string path = identities_path(options) + "/" + encoding::percent_encode(options.key_id);
    return print_one(output, expect(client.call("DELETE", path)), "removed " + options.key_id);
}

int issuer_trust(const Client &client, const Output &output, const AdminOptions &options) {
    json::Value body = json::Value::object();
    body.set("issuer", options.issuer).set("audiences", options.audiences);
    if (!options.algorithms.empty()) {
        body.set("algorithms", options.algorithms);
    }
    if (!options.workspace.empty()) {
        body.set("workspace_id", options.workspace);
    }
    if (!options.jwks_uri.empty()) {
        body.set("jwks_uri", options.jwks_uri);
    }
    if (!options.jwks_file.empty()) {
        std::optional<json::Value> set = read_jwks(options.jwks_file);
        if (!set) {
            return 1;
        }
        body.set("jwks", std::move(*set));
    }
    const std::optional<json::Value> issuer = expect(client.call("POST", "/admin/issuers", &body));
    return print_one(output, issuer,
                     !issuer ? ""
                             : "issuer " + text(*issuer, "id") + ": " +
                                   std::to_string(issuer->get("key_ids").size()) + " keys");
}

int issuer_list(const Client &client, const Output &output, const AdminOptions &options) {
    std::string path = "/admin/issuers";
    if (!options.workspace.empty()) {
        path = with_query(path, {{"workspace_id", options.workspace}});
    }
    return print_list(client, output, path, {"ID", "ISSUER", "WORKSPACE", "AUDIENCES", "KEYS"},
                      [](const json::Value &issuer) -> std::vector<std::string> {
                          return {text(issuer, "id"), text(issuer, "issuer"),
                                  text_or_dash(issuer, "workspace_id"), join(issuer.get("audiences")),
                                  std::to_string(issuer.get("key_ids").size())};
                      });
}

int issuer_remove(const Client &client, const Output &output, const AdminOptions &options) {
    return print_one(output, expect(client.call("DELETE", issuer_path(options))), "removed " + options.id);
}

}  // namespace nexus::control::cli
