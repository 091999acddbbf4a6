// Sealed columns by the key that sealed them, for key rotation; and the installation's own secrets. Every
// sealed column of the schema is a kind here. What is in the boxes is the services' business.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control_plane/store/connection_repository.h"
#include "control_plane/store/provider_repository.h"
#include "control_plane/store/token_repository.h"

namespace nexus::control::store {

/// Boxes by the key that sealed them.
struct KeyUse {
    int64_t credentials = 0;     // tokens.box
    int64_t client_secrets = 0;  // provider_profiles.client_secret_box, deleted profiles too
    int64_t code_verifiers = 0;  // connections.code_verifier_box of flows that may still be finished
    int64_t installation = 0;    // vault_secrets.box

    int64_t total() const { return credentials + client_secrets + code_verifiers + installation; }
};

/// A secret of the installation itself.
struct InstallationSecret {
    std::string name;
    std::string box;  // Place: vault_secrets, name, secret, version
    int64_t version = 1;
    UnixMs created_at = 0;
};

/// A credential's box with what it is bound to.
struct BoundToken {
    Connection connection;  // id, workspace_id, provider_id only
    Token token;
    std::string key_id;
};

namespace vault_rows {

/// Key id -> use; "" = written before key ids were. One look at four indexes.
Result<std::map<std::string, KeyUse>> count(Executor &sql, UnixMs now);

/// Where the last page of foreign_tokens ended.
struct TokenPosition {
    std::string key_id;
    std::string connection_id;
};
/// Boxes that another key than `key_id` sealed, in an order that `after` continues. limit 1..1000
Result<std::vector<BoundToken>> foreign_tokens(Executor &sql, const std::string &key_id,
                                               const std::optional<TokenPosition> &after, int64_t limit);
/// Puts the same credential's new box in place if nothing was written there meanwhile. returns whether it did
Result<bool> replace_token(Executor &sql, const BoundToken &found, const Token &resealed);

/// At most 1000 of each: there are few, and those that were done do not come again.
Result<std::vector<Provider>> foreign_client_secrets(Executor &sql, const std::string &key_id);
Result<bool> replace_client_secret(Executor &sql, const Provider &found, const std::string &box);
Result<std::vector<Connection>> foreign_code_verifiers(Executor &sql, const std::string &key_id, UnixMs now);
Result<bool> replace_code_verifier(Executor &sql, const Connection &found, const std::string &box);
Result<std::vector<InstallationSecret>> foreign_installation_secrets(Executor &sql,
                                                                     const std::string &key_id);
Result<bool> replace_installation_secret(Executor &sql, const InstallationSecret &found,
                                         const std::string &box);

/// nullopt = there is none of this name.
Result<std::optional<InstallationSecret>> find_installation_secret(Executor &sql, const std::string &name);
/// returns false if somebody else was first
Result<bool> add_installation_secret(Executor &sql, const InstallationSecret &secret);

}  // namespace vault_rows
}  // namespace nexus::control::store
