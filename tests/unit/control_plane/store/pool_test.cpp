#include "control_plane/store/pool.h"

#include <gtest/gtest.h>
#include <atomic>
#include <thread>

#include "control_plane/store/sqlite.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control::store {
namespace {

using namespace std::chrono_literals;

class PoolTest : public testing::Test {
protected:
    Pool pool_of(unsigned size, std::chrono::milliseconds wait) {
        const std::string path = dir_.path() + "/n.db";
        EXPECT_TRUE(prepare_sqlite_file(path));
        return Pool(
            [this, path]() -> Result<std::unique_ptr<Session>> {
                if (is_away_) {
                    return fail(Errc::kStoreUnavailable, "away");
                }
                return open_sqlite(path, 5s, std::make_shared<WriterLock>());
            },
            size, wait);
    }

    test::TempDir dir_;
    std::atomic<bool> is_away_{false};
};

TEST_F(PoolTest, SessionsGoToWhoeverWaitedLongest) {
    Pool pool = pool_of(1, 10s);
    auto first = std::make_unique<Pool::Lease>(std::move(*pool.acquire()));
    std::mutex mutex;
    std::vector<int> order;
    const auto take = [&](int who) {
        const Result<Pool::Lease> lease = pool.acquire();
        EXPECT_TRUE(lease);
        const std::scoped_lock lock(mutex);
        order.push_back(who);
    };
    std::vector<std::thread> waiting;
    for (int who = 1; who <= 4; ++who) {
        waiting.emplace_back(take, who);
        std::this_thread::sleep_for(50ms);  // so that they stand in this order
    }
    first.reset();
    take(5);  // comes back at once, and last
    for (std::thread &thread : waiting) {
        thread.join();
    }
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST_F(PoolTest, WhoGaveUpIsNotHandedAnything) {
    Pool pool = pool_of(1, 50ms);
    auto first = std::make_unique<Pool::Lease>(std::move(*pool.acquire()));
    EXPECT_FALSE(pool.acquire());
    EXPECT_FALSE(pool.acquire());
    first.reset();
    EXPECT_TRUE(pool.acquire());
    EXPECT_TRUE(pool.acquire());
}

TEST_F(PoolTest, ASessionThatCannotBeOpenedLeavesItsPlace) {
    Pool pool = pool_of(1, 50ms);
    is_away_ = true;
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(pool.acquire());
    }
    is_away_ = false;
    EXPECT_TRUE(pool.acquire());
}

TEST_F(PoolTest, NeverMoreThanItsSizeUnderAStorm) {
    Pool pool = pool_of(3, 10s);
    std::atomic<int> held{0}, most{0}, served{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 12; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 200; ++n) {
                const Result<Pool::Lease> lease = pool.acquire();
                ASSERT_TRUE(lease);
                const int now = ++held;
                for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
                }
                ++served;
                --held;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(served, 12 * 200);
    EXPECT_LE(most, 3);
}

}  // namespace
}  // namespace nexus::control::store
