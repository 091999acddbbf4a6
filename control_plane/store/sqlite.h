// The SQLite driver: sessions over one database file.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "control_plane/store/session.h"

namespace nexus::control::store {

/// Writers of one process queue here rather than in SQLite's polling busy handler.
using WriterLock = std::timed_mutex;

/// Creates the file, for its owner only, if it is not there. errors kInternal
Result<void> prepare_sqlite_file(const std::string &path);

/// errors kStoreUnavailable
Result<std::unique_ptr<Session>> open_sqlite(const std::string &path, std::chrono::milliseconds busy_timeout,
                                             std::shared_ptr<WriterLock> writers);

}  // namespace nexus::control::store
