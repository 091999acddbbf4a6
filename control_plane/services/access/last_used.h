// Remembers when keys were last used, and writes it in batches off the request path: a use costs a map entry,
// never a statement. Seconds behind, and lost with a process that is killed: it is for people who look for
// keys that nobody uses.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "control_plane/store/last_used_repository.h"

namespace nexus::control {

struct LastUsedOptions {
    size_t capacity =
        20000;  // keys between two rounds; more wake the writer, and are dropped until it is done
    std::chrono::milliseconds interval{10000};
};

class LastUsed {
public:
    LastUsed(store::Database &database, Clock clock, LastUsedOptions options = {});
    ~LastUsed();  // writes what is there
    LastUsed(const LastUsed &) = delete;
    LastUsed &operator=(const LastUsed &) = delete;

    void note(store::KeyTable table, std::string_view key_id);
    /// One round; also called by the thread. What cannot be written (the database is away) waits for the
    /// next.
    void flush();

private:
    using Uses = std::map<std::string, UnixMs, std::less<>>;
    void run();
    void write(store::KeyTable table, Uses uses);
    Uses &of(store::KeyTable table);

    store::Database &database_;
    Clock clock_;
    LastUsedOptions options_;
    std::mutex mutex_;
    std::condition_variable wake_;
    Uses agent_keys_;
    Uses control_keys_;
    bool full_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace nexus::control
