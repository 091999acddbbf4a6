#include "control_plane/store/audit_link.h"

namespace nexus::control::store {

std::string AuditLink::misfit(const audit::Chain *chain, const audit::StoredEvent &row) const {
    const std::string name = "row " + std::to_string(sequence + 1);
    if (row.sequence != sequence + 1) {
        return name + " is missing";
    }
    if (was_keyed && row.key_id.empty()) {
        return name + " has lost its key";
    }
    if (!row.key_id.empty() && (chain == nullptr || chain->key_id() != row.key_id)) {
        return name + " was made with another key";
    }
    const std::string expected =
        row.key_id.empty() ? std::string(crypto::as_view(audit::chain_hash(row))) : chain->row_mac(row);
    return row.previous_hash == hash && row.hash == expected ? "" : name + " was changed";
}

void AuditLink::move_to(const audit::StoredEvent &row) {
    sequence = row.sequence;
    hash = row.hash;
    was_keyed = !row.key_id.empty();
}

}  // namespace nexus::control::store
