// When keys were last used: see last_used.h.
#include "control_plane/services/access/last_used.h"

#include "control_plane/log/log.h"

namespace nexus::control {

LastUsed::LastUsed(store::Database &database, Clock clock, LastUsedOptions options)
    : database_(database), clock_(std::move(clock)), options_(options), thread_([this] { run(); }) {}

LastUsed::~LastUsed() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

LastUsed::Uses &LastUsed::of(store::KeyTable table) {
    return table == store::KeyTable::kAgentKeys ? agent_keys_ : control_keys_;
}

void LastUsed::note(store::KeyTable table, std::string_view key_id) {
    const UnixMs now = clock_();
    std::lock_guard lock(mutex_);
    Uses &uses = of(table);
    if (auto known = uses.find(key_id); known != uses.end()) {
        known->second = std::max(known->second, now);
    } else if (uses.size() < options_.capacity) {
        uses.emplace(key_id, now);
    } else if (!full_) {
        full_ = true;
        wake_.notify_all();
    }
}

void LastUsed::flush() {
    for (store::KeyTable table : {store::KeyTable::kAgentKeys, store::KeyTable::kControlKeys}) {
        Uses uses;
        {
            std::lock_guard lock(mutex_);
            uses.swap(of(table));
        }
        write(table, std::move(uses));
    }
}

void LastUsed::write(store::KeyTable table, Uses uses) {
    while (!uses.empty()) {
        std::vector<std::pair<std::string, UnixMs>> batch;
        for (auto use = uses.begin(); use != uses.end() && batch.size() < store::last_used::kMaxBatch;
             ++use) {
            batch.emplace_back(*use);
        }
        if (Result<void> written = store::last_used::write(database_, table, batch); !written) {
            log::warn("last_used_postponed", {{"reason", written.error().message}, {"keys", uses.size()}});
            std::lock_guard lock(mutex_);
            if (of(table).size() + uses.size() <= options_.capacity) {
                of(table).merge(uses);  // newer times, noted meanwhile, win
            }
            return;
        }
        for (const auto &[key_id, at] : batch) {
            uses.erase(key_id);
        }
    }
}

void LastUsed::run() {
    std::unique_lock lock(mutex_);
    for (bool last = false; !last;) {
        wake_.wait_for(lock, options_.interval, [this] { return stopping_ || full_; });
        last = stopping_;
        full_ = false;
        lock.unlock();
        flush();
        lock.lock();
    }
}

}  // namespace nexus::control
