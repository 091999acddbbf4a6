// The PKCE verifier of a flow in progress, sealed in its connection's row.
#pragma once

#include "control_plane/store/connection_repository.h"
#include "control_plane/vault/vault.h"

namespace nexus::control {

/// connection  with flow_id and flow_expires_at set: the box is bound to both
/// errors      kCryptoFailure
Result<std::string> seal_code_verifier(const Vault &vault, const store::Connection &connection,
                                       const Secret &verifier);
/// errors kSealBroken, kUnknownKey
Result<Secret> open_code_verifier(const Vault &vault, const store::Connection &connection);
/// The same box under the vault's current key. errors as open; kCryptoFailure
Result<std::string> reseal_code_verifier(const Vault &vault, const store::Connection &connection);

}  // namespace nexus::control
