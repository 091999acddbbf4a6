// From a reference connection to an import item: see connection_mapping.h.
#include "control_plane/takeover/connection_mapping.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace nexus::control::takeover {

namespace {

constexpr std::array<std::string_view, 5> kTokenMembers{"access_token", "token_type", "refresh_token",
                                                        "scope", "id_token"};

MappedConnection ended(MappedConnection::Kind kind, std::string reason) {
    MappedConnection out;
    out.kind = kind;
    out.reason = std::move(reason);
    return out;
}

MappedConnection refused(std::string reason) {
    return ended(MappedConnection::Kind::kRefused, std::move(reason));
}

bool contains(const std::vector<std::string> &names, const std::string &name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// expires_in as its provider sent it: a number, or a number in a string. -1 = none that could be meant.
int64_t expires_in_of(const json::Value &token) {
    json::Value value = token.get("expires_in");
    std::string text = value.is_string() ? std::string{value.as_string()} : value.dump_text();
    char *end = nullptr;
    double seconds = std::strtod(text.c_str(), &end);
    bool good = end != text.c_str() && *end == '\0' && seconds >= 0 && seconds < 1e9;
    return good ? static_cast<int64_t>(seconds) : -1;
}

// The whole token answer was kept there; here what an edge or a refresh needs.
json::Value token_credentials(const ReferenceConnection &connection, const json::Value &token,
                              MappedConnection &out) {
    json::Value credentials = json::Value::object();
    std::string dropped;
    for (const std::string &name : token.names()) {
        json::Value value = token.get(name);
        if (std::find(kTokenMembers.begin(), kTokenMembers.end(), name) != kTokenMembers.end()) {
            if (value.is_string() && !value.as_string().empty()) {
                credentials.set(name, std::move(value));
            }
        } else if (name != "expires_in" && name != "expires_at") {
            dropped += (dropped.empty() ? "" : ", ") + name;
        }
    }
    if (!dropped.empty()) {
        out.notes.push_back("members of its token answer are left out: " + dropped);
    }
    if (credentials.contains("id_token")) {
        out.notes.emplace_back("its id_token is left out: nobody has verified it");
        credentials.erase("id_token");
    }
    if (!connection.token_expires_at.empty()) {
        credentials.set("expires_at", connection.token_expires_at);
    } else if (expires_in_of(token) >= 0) {
        // There expires_at was written only where expires_in is a JSON number (reference D34).
        int64_t left = std::max<int64_t>(0, expires_in_of(token) - connection.token_age_s);
        credentials.set("expires_in", left);
        out.notes.emplace_back("its expiry was not stored: taken from expires_in and the row's age");
    }
    return credentials;
}

// Members that are no property of the schema could be planted there (reference D8).
json::Value static_credentials(const ReferenceProvider &provider, const json::Value &stored,
                               MappedConnection &out) {
    CredentialNames names = credential_names(provider);
    json::Value credentials = json::Value::object();
    std::string dropped;
    for (const std::string &name : stored.names()) {
        if (names.properties.empty() || contains(names.properties, name)) {
            credentials.set(name, stored.get(name));
        } else {
            dropped += (dropped.empty() ? "" : ", ") + name;
        }
    }
    if (!dropped.empty()) {
        out.notes.push_back("credentials that its schema does not have are left out: " + dropped);
    }
    return credentials;
}

// What nexusd would refuse too, said before there is a provider to ask it about.
std::string problem_of(const ReferenceProvider &provider, const json::Value &credentials) {
    if (is_oauth2(provider)) {
        return credentials.contains("access_token") ? "" : "its token row holds no access_token";
    }
    for (const std::string &name : credential_names(provider).required) {
        if (credentials.get(name).as_string().empty()) {
            return "its credentials lack " + name;
        }
    }
    return "";
}

json::Value base_item(const ReferenceConnection &connection, const MapOptions &options) {
    json::Value item = json::Value::object();
    item.set("id", connection.id)
        .set("provider_id", connection.provider_id)
        .set("workspace_id", options.workspace.empty() ? connection.workspace_id : options.workspace)
        .set("user_id", connection.workspace_id);
    if (!connection.created_at.empty()) {
        item.set("created_at", connection.created_at);
    }
    if (Result<json::Value> scopes = json::parse(connection.scopes); scopes && scopes->is_array()) {
        item.set("scopes", std::move(*scopes));
    }
    return item;
}

}  // namespace

bool wants_credentials(const ReferenceConnection &connection) {
    return connection.status == "active" || connection.status == "attention";
}

MappedConnection map_connection(const ReferenceConnection &connection, const ReferenceProvider &provider,
                                const Result<Secret> &opened, const MapOptions &options) {
    if (connection.status == "pending") {
        return ended(MappedConnection::Kind::kSkipped, "pending: the person starts again");
    }
    MappedConnection out;
    out.item = base_item(connection, options);
    if (connection.status == "failed") {
        out.item.set("state", "failed");
        return out;
    }
    if (!wants_credentials(connection)) {
        return refused("its status is none that is known");
    }
    bool attention = connection.status == "attention";
    if (!connection.has_token) {
        out.item.set("state", "attention");
        return attention ? std::move(out) : refused("it is active and has no token row");
    }
    if (!opened) {
        return refused(opened.error().message);
    }
    Result<json::Value> stored = json::parse_object(opened->view());
    if (!stored) {
        return refused("its credentials are no JSON object");
    }
    json::Value credentials = is_oauth2(provider) ? token_credentials(connection, *stored, out)
                                                  : static_credentials(provider, *stored, out);
    std::string problem = problem_of(provider, credentials);
    if (!problem.empty()) {
        return refused(std::move(problem));
    }
    if (attention && options.retry_attention && credentials.contains("refresh_token")) {
        out.notes.emplace_back("was in attention: the next refresh tells whether it still works");
        attention = false;
    }
    out.item.set("state", attention ? "attention" : "active").set("credentials", std::move(credentials));
    return out;
}

}  // namespace nexus::control::takeover
