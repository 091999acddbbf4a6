// Several processes at one table: readers without a lock, writers with one, which are killed at any
// instruction. The lock is passed on when its holder dies, as nginx's master does with the slab mutex.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/unit/ngx_module/cache/table_memory.h"

namespace nexus::edge::cache {
namespace {

constexpr uint64_t kKeys = 600;  // more than there is room for
constexpr int kWriters = 2;
constexpr int kReaders = 2;
constexpr int kKills = 150;

struct Shared {
    pthread_mutex_t mutex;
    std::atomic<uint64_t> hits;
    std::atomic<uint64_t> torn;
    std::atomic<uint64_t> writes;
};

class Torture : public ::testing::Test {
protected:
    Torture() : memory_(size_t{256} * 1024, sizeof(Shared)), shared_(static_cast<Shared *>(memory_.extra())) {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&shared_->mutex, &attributes);
    }

    void lock() {
        if (pthread_mutex_lock(&shared_->mutex) == EOWNERDEAD) {
            pthread_mutex_consistent(&shared_->mutex);
        }
    }
    void unlock() { pthread_mutex_unlock(&shared_->mutex); }

    template <typename Work>
    pid_t fork_off(Work work) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            for (;;) {
                work();
            }
        }
        return pid;
    }

    pid_t start_writer(unsigned seed) {
        return fork_off([this, table = memory_.table(), random = std::mt19937_64(seed)]() mutable {
            const uint64_t number = random() % kKeys;
            const Key key = key_of(number);
            const uint64_t hash = hash_of(key);
            const size_t bytes = random() % 50 == 0 ? 20'000 : 200 + random() % 2500;
            const std::string sealed = sealed_for(number, random(), bytes);
            lock();
            Entry *own = table.find(hash, key);
            const uint64_t what = random() % 20;
            if (what == 0) {
                table.put_not_found(hash, key, 1);
            } else if (what == 1 && own != nullptr) {
                table.outdate(*own, 2, 0);
            } else {
                table.put(hash, key, {sealed});
            }
            unlock();
            shared_->writes.fetch_add(1);
        });
    }

    pid_t start_reader(unsigned seed) {
        return fork_off([this, table = memory_.table(), random = std::mt19937_64(seed)]() mutable {
            const uint64_t number = random() % kKeys;
            const Key key = key_of(number);
            VectorSpace space;
            EntryView view;
            if (table.read(hash_of(key), key, &space, 0, view) && view.type == EntryType::kRecord) {
                Table::mark_used(view);
                shared_->hits.fetch_add(1);
                if (view.key != key || !is_whole(number, {view.sealed.data(), view.sealed.size()})) {
                    shared_->torn.fetch_add(1);
                }
            }
        });
    }

    static void end(pid_t pid) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }

    /// Waits for so much more of it: a loaded machine takes longer.
    static void await_more(const std::atomic<uint64_t> &count, uint64_t more) {
        const uint64_t until = count.load() + more;
        for (int i = 0; count.load() < until && i < 10'000; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        EXPECT_GE(count.load(), until) << "nothing goes on";
    }

    TableMemory memory_;
    Shared *shared_;
};

TEST_F(Torture, EveryReadIsWholeOrAMissAndDeadWritersBlockNobody) {
    ASSERT_TRUE(memory_.is_good());
    pid_t writers[kWriters];
    pid_t readers[kReaders];
    unsigned seed = 1;
    for (pid_t &writer : writers) {
        writer = start_writer(seed++);
    }
    for (pid_t &reader : readers) {
        reader = start_reader(seed++);
    }
    std::mt19937_64 random(7);
    for (int kills = 0; kills < kKills; ++kills) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
        pid_t &writer = writers[kills % kWriters];
        end(writer);
        lock();
        EXPECT_EQ(problem_of(memory_), "") << "after " << kills << " kills";
        unlock();
        writer = start_writer(seed++);
    }
    await_more(shared_->writes, 1000);
    await_more(shared_->hits, 1000);
    for (const pid_t pid : writers) {
        end(pid);
    }
    for (const pid_t pid : readers) {
        end(pid);
    }
    EXPECT_EQ(shared_->torn.load(), 0);

    // What the dead have left behind is found: everything can be used again.
    Table table = memory_.table();
    for (uint64_t number = 10'000; number < 11'000; ++number) {
        const Key key = key_of(number);
        ASSERT_TRUE(table.put(hash_of(key), key, {sealed_for(number, 1, 1300)}).is_stored);
    }
    EXPECT_EQ(problem_of(memory_), "");
    EXPECT_GE(table.records_arena().capacity_bytes() / (1312 + sizeof(Entry)), 100);
    uint64_t there = 0;
    VectorSpace space;
    EntryView view;
    for (uint64_t number = 10'000; number < 11'000; ++number) {
        const Key key = key_of(number);
        there += table.read(hash_of(key), key, &space, 0, view) ? 1 : 0;
    }
    EXPECT_GE(there, table.records_arena().capacity_bytes() / (1312 + sizeof(Entry)) * 9 / 10);
}

// The same in one process, so that ThreadSanitizer sees both sides.
TEST(TableThreads, ReadersNeedNoLock) {
    const TableMemory memory(size_t{256} * 1024);
    std::mutex mutex;
    std::atomic<bool> is_over{false};
    std::atomic<int> torn{0};
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 2; ++seed) {
        threads.emplace_back([&, random = std::mt19937_64(seed)]() mutable {
            Table table = memory.table();
            while (!is_over) {
                const uint64_t number = random() % kKeys;
                const Key key = key_of(number);
                const std::string sealed = sealed_for(number, random(), 200 + random() % 2500);
                const std::scoped_lock lock(mutex);
                table.put(hash_of(key), key, {sealed});
            }
        });
    }
    threads.emplace_back([&, random = std::mt19937_64(5)]() mutable {
        const Table table = memory.table();
        VectorSpace space;
        EntryView view;
        for (int hits = 0; hits < 20'000;) {
            const uint64_t number = random() % kKeys;
            const Key key = key_of(number);
            if (table.read(hash_of(key), key, &space, 0, view)) {
                Table::mark_used(view);
                ++hits;
                torn += is_whole(number, {view.sealed.data(), view.sealed.size()}) ? 0 : 1;
            }
        }
        is_over = true;
    });
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(torn, 0);
    EXPECT_EQ(problem_of(memory), "");
}

}  // namespace
}  // namespace nexus::edge::cache
