// The sealed PKCE verifier: see code_verifier_box.h.
#include "control_plane/oauth/code_verifier_box.h"

#include "control_plane/oauth/stored_credentials.h"

namespace nexus::control {

namespace {

std::string owner_of(const store::Connection &connection) {
    return vault_owner(connection) + connection.flow_id;
}

Place place_of(const store::Connection &connection, std::string_view owner) {
    return {"connections", connection.id, "code_verifier", connection.flow_expires_at, owner};
}

}  // namespace

// A verifier has no blanks (RFC 7636 section 4.1).
Secret pack(const FlowSecrets &secrets) {
    if (secrets.dpop_key.empty()) {
        return secrets.code_verifier.clone();
    }
    std::string text{secrets.code_verifier.view()};
    text.append(" ").append(secrets.dpop_key.view());
    return Secret{std::move(text)};
}

FlowSecrets unpack_flow_secrets(const Secret &text) {
    const std::string_view whole = text.view();
    const size_t blank = whole.find(' ');
    FlowSecrets out;
    out.code_verifier = Secret{whole.substr(0, blank)};
    if (blank != std::string_view::npos) {
        out.dpop_key = Secret{whole.substr(blank + 1)};
    }
    return out;
}

Result<std::string> seal_code_verifier(const Vault &vault, const store::Connection &connection,
                                       const Secret &verifier) {
    const std::string owner = owner_of(connection);
    return vault.seal(place_of(connection, owner), verifier);
}

Result<Secret> open_code_verifier(const Vault &vault, const store::Connection &connection) {
    const std::string owner = owner_of(connection);
    return vault.open(place_of(connection, owner), connection.code_verifier_box);
}

Result<std::string> reseal_code_verifier(const Vault &vault, const store::Connection &connection) {
    const std::string owner = owner_of(connection);
    return vault.reseal(place_of(connection, owner), connection.code_verifier_box);
}

}  // namespace nexus::control
