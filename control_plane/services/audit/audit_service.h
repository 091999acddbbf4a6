// The audit log as operators read it: listing and verifying, a page at a time.
#pragma once

#include <string>
#include <vector>

#include "control_plane/store/audit_repository.h"

namespace nexus::control {

/// A connection whose row is older than an event that the chain holds of it.
struct RolledBack {
    std::string connection_id;
    int64_t witnessed = 0;  // token version that the chain tells of
    int64_t stored = 0;     // that of the row
};

struct AuditCheck {
    store::AuditStretch stretch;
    std::vector<RolledBack> rolled_back;
};

class AuditService {
public:
    explicit AuditService(store::Database &database) : database_(database) {}

    /// Newest first. limit 1..1000
    Result<std::vector<audit::StoredEvent>> list(const store::AuditFilter &filter, int64_t limit);
    /// Rows behind `after` (0: from the oldest kept), at most `limit`, and the connections that they tell of.
    Result<AuditCheck> verify(int64_t after, int64_t limit);

private:
    store::Database &database_;
};

}  // namespace nexus::control
