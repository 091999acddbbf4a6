// Reads a Nexus Framework database over libpq: one read-only snapshot, a cursor for what may be large, so
// that memory stays flat and the other side may go on working. Changes nothing there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control_plane/takeover/reference_rows.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control::takeover {

class ReferenceDatabase {
public:
    /// url  postgresql://... or key=value pairs; what it lacks comes from PGPASSWORD and the like
    /// errors kStoreUnavailable (cannot connect), kInvalidRequest (no Nexus Framework database)
    static Result<ReferenceDatabase> open(const Secret &url);
    ReferenceDatabase(ReferenceDatabase &&) noexcept;
    ReferenceDatabase &operator=(ReferenceDatabase &&) noexcept;
    ~ReferenceDatabase();

    /// All of them, by name: few. errors kStoreUnavailable
    Result<std::vector<ReferenceProvider>> providers();
    /// The next rows by id, at most `limit`; none = that was all. errors kStoreUnavailable
    Result<std::vector<ReferenceConnection>> next_connections(int limit);
    /// Some sealed texts, to see whether the key is the right one. errors kStoreUnavailable
    Result<std::vector<std::string>> sealed_samples(int limit);
    /// errors kStoreUnavailable
    Result<int64_t> count_audit_events();

private:
    struct Impl;
    explicit ReferenceDatabase(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control::takeover
