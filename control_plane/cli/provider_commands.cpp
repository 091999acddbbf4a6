// nexusctl provider: apply a manifest, list.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "control_plane/cli/commands.h"
#include "control_plane/cli/manifest.h"
#include "control_plane/cli/print.h"
#include "shared/encoding/percent.h"

namespace nexus::control::cli {

namespace {

struct Applied {
    std::string name;
    std::string action;  // "create", "update", "ok", "failed"
};

std::optional<std::string> environment(const std::string &name) {
    const char *value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

json::Value wrapped(const json::Value &profile) {
    json::Value body = json::Value::object();
    body.set("profile", profile.borrow());
    return body;
}

std::string apply_one(const Client &client, const ManifestProvider &provider) {
    Result<Client::Answer> known =
        client.call("GET", "/providers/by-name/" + encoding::percent_encode(provider.name));
    json::Value body = wrapped(provider.profile);
    // A name that differs in case only is another provider's, and POST will say so.
    bool exists = known && known->ok() && text(known->body, "name") == provider.name;
    if (known && (exists || known->ok() || known->status == 404)) {
        Result<Client::Answer> answer =
            exists ? client.call("PUT", "/providers/" + text(known->body, "id"), &body)
                   : client.call("POST", "/providers", &body);
        std::optional<json::Value> done = expect(answer);
        if (!done) {
            return "failed";
        }
        if (!exists) {
            return "create";
        }
        return done->get("changed").as_boolean() ? "update" : "ok";
    }
    expect(known);
    return "failed";
}

void print_applied(const Applied &applied) {
    const char *mark = applied.action == "create"   ? "+ CREATE"
                       : applied.action == "update" ? "~ UPDATE"
                       : applied.action == "ok"     ? "= OK    "
                                                    : "! FAILED";
    print_line(std::string{mark} + " " + applied.name);
}

Result<std::string> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    if (!file) {
        return fail(Errc::kInvalidRequest, "cannot read " + path);
    }
    return content.str();
}

}  // namespace

int provider_apply(const Client &client, const Output &output, const std::string &file) {
    Result<std::vector<ManifestProvider>> manifest =
        read_file(file).and_then([](const std::string &yaml) { return parse_manifest(yaml, environment); });
    if (!manifest) {
        return problem(file + ": " + manifest.error().message);
    }
    bool failed = false;
    json::Value results = json::Value::array();
    for (const ManifestProvider &provider : *manifest) {
        Applied applied{provider.name, apply_one(client, provider)};
        failed = failed || applied.action == "failed";
        if (output.json) {
            json::Value result = json::Value::object();
            result.set("name", applied.name).set("action", applied.action);
            results.append(std::move(result));
        } else {
            print_applied(applied);
        }
    }
    if (output.json) {
        print_json(results);
    }
    return failed ? 1 : 0;
}

int provider_list(const Client &client, const Output &output) {
    return print_list(client, output, "/providers", {"ID", "NAME", "AUTH TYPE"},
                      [](const json::Value &provider) -> std::vector<std::string> {
                          return {text(provider, "id"), text(provider, "name"), text(provider, "auth_type")};
                      });
}

}  // namespace nexus::control::cli
