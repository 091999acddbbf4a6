// The head row of the audit chain, shared by the files that implement audit_repository.h.
#pragma once

#include "control_plane/audit/chain.h"
#include "control_plane/store/database.h"

namespace nexus::control::store::audit_log {

/// Hexadecimal text of a hash column. errors kStoreUnavailable: it is none
Result<std::string> parse_hash(const std::string &hex);

Result<audit::Head> get_head(Executor &sql);
/// The same, and other writers wait until this transaction ends.
Result<audit::Head> lock_head(Transaction &sql);
/// Writes the head with a fresh mac, where the chain has a key.
Result<void> put_head(Transaction &sql, audit::Head head);

}  // namespace nexus::control::store::audit_log
