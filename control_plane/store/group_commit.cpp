// Many small writes in one transaction: see group_commit.h.
#include "control_plane/store/group_commit.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "control_plane/log/log.h"

namespace nexus::control::store {

struct GroupCommit::Impl {
    struct Item {
        Work work;
        Done done;
    };

    Impl(Database &store_database, size_t limit) : database(store_database), max_group(limit) {}

    void run() noexcept;
    void commit(std::vector<Item> group);
    Result<void> attempt(const std::vector<Item> &group, size_t &failed);

    Database &database;
    const size_t max_group;
    std::mutex mutex;
    std::condition_variable called;
    std::deque<Item> queue;
    bool is_ending = false;
    std::vector<std::thread> threads;
};

/// failed  the index of the work that failed; group.size() = none of them did
Result<void> GroupCommit::Impl::attempt(const std::vector<Item> &group, size_t &failed) {
    return database.transact([&](Transaction &sql) -> Result<void> {
        std::vector<audit_log::Pending> events;
        for (failed = 0; failed < group.size(); ++failed) {
            if (Result<void> done = group[failed].work(sql, events); !done) {
                return done;
            }
        }
        return audit_log::append_all(sql, events);
    });
}

void GroupCommit::Impl::commit(std::vector<Item> group) {
    while (!group.empty()) {
        size_t failed = group.size();
        const Result<void> done = attempt(group, failed);
        const bool is_one_to_blame =
            !done && done.error().errc != Errc::kStoreUnavailable && failed < group.size();
        if (is_one_to_blame) {
            group[failed].done(done);
            group.erase(group.begin() + static_cast<std::ptrdiff_t>(failed));
            continue;  // the others once more, without it
        }
        for (const Item &item : group) {
            item.done(done);
        }
        return;
    }
}

void GroupCommit::Impl::run() noexcept {
    std::unique_lock lock(mutex);
    while (true) {
        called.wait(lock, [this] { return is_ending || !queue.empty(); });
        if (queue.empty()) {
            return;
        }
        std::vector<Item> group;
        while (!queue.empty() && group.size() < max_group) {
            group.push_back(std::move(queue.front()));
            queue.pop_front();
        }
        lock.unlock();
        try {
            commit(std::move(group));
        } catch (const std::exception &) {
            log::error("group_commit_failed");
        }
        lock.lock();
    }
}

GroupCommit::GroupCommit(Database &database, unsigned threads, size_t max_group)
    : impl_(std::make_unique<Impl>(database, max_group)) {
    for (unsigned i = 0; i < (database.kind() == DatabaseKind::kSqlite ? 1 : threads); ++i) {
        impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
    }
}

GroupCommit::~GroupCommit() {
    {
        const std::scoped_lock lock(impl_->mutex);
        impl_->is_ending = true;
    }
    impl_->called.notify_all();
    for (std::thread &thread : impl_->threads) {
        thread.join();
    }
}

void GroupCommit::submit(Work work, Done done) {
    {
        const std::scoped_lock lock(impl_->mutex);
        impl_->queue.push_back({std::move(work), std::move(done)});
    }
    impl_->called.notify_one();
}

}  // namespace nexus::control::store
