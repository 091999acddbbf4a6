// The audit chain's key: random, made once, kept in the database sealed by the vault. So it survives
// rotations of ENCRYPTION_KEY, and whoever can merely write the database can neither read nor replace it.
#pragma once

#include "control_plane/audit/chain.h"
#include "control_plane/store/database.h"
#include "control_plane/vault/vault.h"
#include "shared/clock.h"

namespace nexus::control {

/// Loads the key, or makes one, and hands it to the database (Database::set_audit_chain). Call it after the
/// migrations and before anything else writes.
/// errors kUnknownKey (detail: the id of the missing key: ENCRYPTION_KEY is not the one of this database),
///        kSealBroken, kStoreUnavailable
Result<void> load_audit_chain(store::Database &database, const Vault &vault, const Clock &clock);

/// The Place of an installation secret.
Place installation_secret_place(std::string_view name, int64_t version);

}  // namespace nexus::control
