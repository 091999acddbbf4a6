// What a connection's box in the vault holds: the usage credentials, and apart from them the refresh token
// and the DPoP key, so that whoever renders usage credentials has neither in hand.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "control_plane/store/connection_repository.h"
#include "control_plane/store/token_repository.h"
#include "control_plane/vault/vault.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct StoredCredentials {
    std::vector<std::pair<std::string, Secret>>
        usage;             // access_token, token_type, ...; or what a person typed in
    Secret refresh_token;  // empty = none
    Secret dpop_key;       // private JWK that the tokens are bound to (dpop.h); empty = to none

    const Secret *find(std::string_view name) const noexcept;  // nullptr if absent
};

/// JSON: {"usage": {name: text}, "refresh_token": text?, "dpop_key": text?}
Secret to_json(const StoredCredentials &credentials);
/// errors kMalformedRecord
Result<StoredCredentials> parse_stored_credentials(std::string_view json);

/// The box is bound to the connection's id, workspace and provider: a row that is moved to another of these
/// is of no use. errors kCryptoFailure
Result<store::Token> seal_credentials(const Vault &vault, const store::Connection &connection,
                                      int64_t version, const StoredCredentials &credentials, UnixMs now);
/// errors kSealBroken (detail kRolledBack: the version is not the one that the connection's row names),
///        kUnknownKey, kMalformedRecord
Result<StoredCredentials> open_credentials(const Vault &vault, const store::Connection &connection,
                                           const store::Token &token);
inline constexpr std::string_view kRolledBack = "credential_rolled_back";

/// The same box under the vault's current key; its version stays (docs/decisions/0025). Only id, workspace_id
/// and provider_id of the connection matter. errors kSealBroken, kUnknownKey, kCryptoFailure
Result<store::Token> reseal_credentials(const Vault &vault, const store::Connection &connection,
                                        const store::Token &token);

/// What boxes of a connection are bound to beside its id (Place::owner).
std::string vault_owner(const store::Connection &connection);

}  // namespace nexus::control
