// The audit log as operators read it: see audit_service.h.
#include "control_plane/services/audit/audit_service.h"

#include "control_plane/log/log.h"
#include "control_plane/store/connection_repository.h"

namespace nexus::control {

Result<std::vector<audit::StoredEvent>> AuditService::list(const store::AuditFilter &filter, int64_t limit) {
    return store::audit_log::list(database_, filter, limit);
}

// Versions only grow, so any event that tells of a higher one than the row has is a witness against the row.
Result<AuditCheck> AuditService::verify(int64_t after, int64_t limit) {
    Result<store::AuditStretch> stretch = store::audit_log::verify_stretch(database_, after, limit);
    if (!stretch) {
        return fail(stretch.error());
    }
    if (!stretch->verdict.intact) {
        log::error("audit_chain_not_intact", {{"sequence", stretch->verdict.first_bad_sequence},
                                              {"problem", stretch->verdict.problem}});
    }
    AuditCheck check;
    std::vector<std::string> ids;
    for (const auto &[id, version] : stretch->token_versions) {
        ids.push_back(id);
    }
    Result<std::map<std::string, int64_t>> stored = store::connections::token_versions(database_, ids);
    if (!stored) {
        return fail(stored.error());
    }
    for (const auto &[id, version] : *stored) {  // those that are gone were deleted
        const int64_t witnessed = stretch->token_versions[id];
        if (version < witnessed) {
            log::error("connection_rolled_back",
                       {{"connection_id", id}, {"witnessed", witnessed}, {"stored", version}});
            check.rolled_back.push_back({id, witnessed, version});
        }
    }
    check.stretch = std::move(*stretch);
    return check;
}

}  // namespace nexus::control
