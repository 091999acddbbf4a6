// What a flow in progress must keep secret, sealed in its connection's row: the PKCE verifier, and the DPoP
// key where its tokens are to be bound to one; of a device flow, the device code.
#pragma once

#include "control_plane/store/connection_repository.h"
#include "control_plane/vault/vault.h"

namespace nexus::control {

/// Of a flow in the browser. A pushed request with a proof binds the code to the proof's key (RFC 9449
/// section 10.1), so the key is there from the beginning.
struct FlowSecrets {
    Secret code_verifier;
    Secret dpop_key;  // empty = none
};
/// As one text for the box, and back.
Secret pack(const FlowSecrets &secrets);
FlowSecrets unpack_flow_secrets(const Secret &text);

/// connection  with flow_id and flow_expires_at set: the box is bound to both
/// errors      kCryptoFailure
Result<std::string> seal_code_verifier(const Vault &vault, const store::Connection &connection,
                                       const Secret &verifier);
/// errors kSealBroken, kUnknownKey
Result<Secret> open_code_verifier(const Vault &vault, const store::Connection &connection);
/// The same box under the vault's current key. errors as open; kCryptoFailure
Result<std::string> reseal_code_verifier(const Vault &vault, const store::Connection &connection);

}  // namespace nexus::control
