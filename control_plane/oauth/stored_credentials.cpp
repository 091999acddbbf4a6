// What a connection's box in the vault holds: see stored_credentials.h.
#include "control_plane/oauth/stored_credentials.h"

#include <algorithm>

#include "control_plane/json/json.h"

namespace nexus::control {

namespace {

Place place_of(const store::Connection &connection, int64_t version, std::string_view owner) {
    return {"tokens", connection.id, "credentials", version, owner};
}

}  // namespace

const Secret *StoredCredentials::find(std::string_view name) const noexcept {
    auto found =
        std::find_if(usage.begin(), usage.end(), [&](const auto &entry) { return entry.first == name; });
    return found == usage.end() ? nullptr : &found->second;
}

Secret to_json(const StoredCredentials &credentials) {
    json::Value usage = json::Value::object();
    for (const auto &[name, value] : credentials.usage) {
        usage.set(name, value);
    }
    json::Value object = json::Value::object();
    object.set("usage", std::move(usage));
    if (!credentials.refresh_token.empty()) {
        object.set("refresh_token", credentials.refresh_token);
    }
    if (!credentials.dpop_key.empty()) {
        object.set("dpop_key", credentials.dpop_key);
    }
    return object.dump();
}

Result<StoredCredentials> parse_stored_credentials(std::string_view text) {
    Result<json::Value> object = json::parse_object(text);
    if (!object || !object->get("usage").is_object()) {
        return fail(Errc::kMalformedRecord, "stored credentials are unreadable");
    }
    StoredCredentials out;
    json::Value usage = object->get("usage");
    for (const std::string &name : usage.names()) {
        json::Value value = usage.get(name);
        if (!value.is_string()) {
            return fail(Errc::kMalformedRecord, "stored credentials are unreadable");
        }
        out.usage.emplace_back(name, Secret{value.as_string()});
    }
    out.refresh_token = Secret{object->get("refresh_token").as_string()};
    out.dpop_key = Secret{object->get("dpop_key").as_string()};
    return out;
}

std::string vault_owner(const store::Connection &connection) {
    return std::to_string(connection.workspace_id.size()) + ":" + connection.workspace_id +
           connection.provider_id;
}

Result<store::Token> seal_credentials(const Vault &vault, const store::Connection &connection,
                                      int64_t version, const StoredCredentials &credentials, UnixMs now) {
    const std::string owner = vault_owner(connection);
    Result<std::string> box = vault.seal(place_of(connection, version, owner), to_json(credentials));
    if (!box) {
        return fail(box.error());
    }
    return store::Token{connection.id, std::move(*box), version, now, version};
}

Result<StoredCredentials> open_credentials(const Vault &vault, const store::Connection &connection,
                                           const store::Token &token) {
    if (token.version != token.newest_version) {
        return fail(Errc::kSealBroken, "an older row of the credential, or of its connection, was put back",
                    std::string{kRolledBack});
    }
    const std::string owner = vault_owner(connection);
    Result<Secret> text = vault.open(place_of(connection, token.version, owner), token.box);
    if (!text) {
        return fail(text.error());
    }
    return parse_stored_credentials(text->view());
}

Result<store::Token> reseal_credentials(const Vault &vault, const store::Connection &connection,
                                        const store::Token &token) {
    const std::string owner = vault_owner(connection);
    const Place place = place_of(connection, token.version, owner);
    Result<std::string> box = vault.reseal(place, token.box);
    if (!box) {
        return fail(box.error());
    }
    store::Token out = token;
    out.box = std::move(*box);
    return out;
}

}  // namespace nexus::control
