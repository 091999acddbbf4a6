// The SQLite driver: sessions over one database file.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "control_plane/store/session.h"

namespace nexus::control::store {

/// Writers of one process queue here rather than in SQLite's polling busy handler. A std::timed_mutex would
/// do, but GCC 12's ThreadSanitizer does not know pthread_mutex_clocklock and reports every unlock.
class WriterLock {
public:
    bool try_lock_for(std::chrono::milliseconds wait) {
        std::unique_lock lock(mutex_);
        if (!freed_.wait_for(lock, wait, [this] { return !is_held_; })) {
            return false;
        }
        is_held_ = true;
        return true;
    }
    void lock() {
        std::unique_lock lock(mutex_);
        freed_.wait(lock, [this] { return !is_held_; });
        is_held_ = true;
    }
    void unlock() {
        {
            const std::scoped_lock lock(mutex_);
            is_held_ = false;
        }
        freed_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable freed_;
    bool is_held_ = false;
};

/// Creates the file, for its owner only, if it is not there. errors kInternal
Result<void> prepare_sqlite_file(const std::string &path);

/// errors kStoreUnavailable
Result<std::unique_ptr<Session>> open_sqlite(const std::string &path, std::chrono::milliseconds busy_timeout,
                                             std::shared_ptr<WriterLock> writers);

}  // namespace nexus::control::store
