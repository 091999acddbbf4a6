#include "control_plane/cache/outbox_drainer.h"

#include <atomic>
#include <functional>
#include <thread>

#include "control_plane/metrics/metrics.h"
#include "tests/unit/control_plane/cache/fixture.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control {
namespace {

using namespace std::chrono_literals;

class OutboxDrainerTest : public CacheTest {
protected:
    OutboxDrainerTest() {
        DatabaseTarget target;
        target.path = dir_.path() + "/nexus.db";
        database_ = std::move(*store::Database::open(target));
        EXPECT_TRUE(database_->migrate());
        RedisOptions redis;
        redis.retry_after = 10ms;
        writer_ = writer(redis);
    }
    std::unique_ptr<OutboxDrainer> drainer() {
        DrainerOptions options;
        options.poll = 10ms;
        options.first_retry = 5ms;
        options.last_retry = 20ms;
        return std::make_unique<OutboxDrainer>(
            *database_, *writer_,
            [this](const store::OutboxEntry &entry) -> Result<std::optional<CacheRecord>> {
                ++rebuilt_;
                if (is_source_broken_) {
                    throw std::runtime_error("x");
                }
                if (entry.id == "gone") {
                    return std::nullopt;
                }
                return std::optional<CacheRecord>(token(static_cast<uint64_t>(entry.generation), entry.id));
            },
            system_now_ms, options, &metrics_);
    }
    void enqueue(const std::string &id, int64_t generation) {
        ASSERT_TRUE(
            store::outbox::enqueue(*database_, redis::EventKind::kToken, id, generation, system_now_ms()));
    }
    bool eventually(const std::function<bool()> &condition) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) {
                return false;
            }
            std::this_thread::sleep_for(2ms);
        }
        return true;
    }
    std::string stored_text() {
        return test::RedisProbe(redis_.socket_path()).ask({"GET", redis::token_key(kId)}).text;
    }
    int64_t depth() { return store::outbox::depth(*database_).value_or(-1); }

    test::TempDir dir_;
    Metrics metrics_;
    std::unique_ptr<store::Database> database_;
    std::unique_ptr<RedisWriter> writer_;
    std::atomic<int> rebuilt_{0};
    std::atomic<bool> is_source_broken_{false};
};

TEST_F(OutboxDrainerTest, WritesAndForgets) {
    const auto own = drainer();
    own->start();
    enqueue(kId, 4);
    own->notify();
    EXPECT_TRUE(eventually([&] { return depth() == 0; }));
    EXPECT_EQ(stored_generation(), 4u);
}

TEST_F(OutboxDrainerTest, StoppingWritesWhatWaits) {
    const auto own = drainer();
    own->start();
    for (int i = 0; i < 250; ++i) {  // more than one batch
        std::string id = kId;
        id.replace(0, 3, std::to_string(100 + i));
        enqueue(id, 1);
    }
    own->stop();
    EXPECT_EQ(depth(), 0);
    EXPECT_EQ(rebuilt_, 250);
}

TEST_F(OutboxDrainerTest, FlushWritesInTheCallersThread) {
    const auto own = drainer();  // not started
    enqueue(kId, 4);
    EXPECT_TRUE(own->flush(redis::EventKind::kToken, kId, 4));
    EXPECT_EQ(depth(), 0);
    EXPECT_EQ(stored_generation(), 4u);
}

TEST_F(OutboxDrainerTest, AFlushSparesANewerRow) {
    const auto own = drainer();
    enqueue(kId, 5);
    EXPECT_TRUE(own->flush(redis::EventKind::kToken, kId, 4));
    EXPECT_EQ(depth(), 1);
}

TEST_F(OutboxDrainerTest, CatchesUpWhenRedisIsBack) {
    const auto own = drainer();
    own->start();
    redis_.stop();
    enqueue(kId, 4);
    EXPECT_FALSE(own->flush(redis::EventKind::kToken, kId, 4));
    EXPECT_TRUE(eventually([&] { return rebuilt_ >= 3; }));  // it keeps trying
    EXPECT_EQ(depth(), 1);
    redis_.start();
    EXPECT_TRUE(eventually([&] { return depth() == 0; }));
    EXPECT_EQ(stored_generation(), 4u);
}

TEST_F(OutboxDrainerTest, WhatARedisHasTakenAlongIsWrittenAgain) {
    const auto own = drainer();
    own->start();
    enqueue(kId, 4);
    own->notify();
    ASSERT_TRUE(eventually([&] { return depth() == 0 && stored_generation() == 4; }));
    redis_.stop();
    redis_.start();  // empty
    EXPECT_TRUE(eventually([&] { return !stored_text().empty(); }));
}

TEST_F(OutboxDrainerTest, ARestartLosesNothing) {
    enqueue(kId, 9);
    {
        const auto first = drainer();
        redis_.stop();
        first->start();
        EXPECT_TRUE(eventually([&] { return rebuilt_ >= 1; }));
    }
    redis_.start();
    const auto second = drainer();
    second->start();
    EXPECT_TRUE(eventually([&] { return stored_generation() == 9; }));
}

TEST_F(OutboxDrainerTest, WhatIsGoneIsDropped) {
    enqueue("gone", 1);
    const auto own = drainer();
    own->start();
    EXPECT_TRUE(eventually([&] { return depth() == 0; }));
}

TEST_F(OutboxDrainerTest, ABrokenSourceIsTriedAgain) {
    is_source_broken_ = true;
    enqueue(kId, 1);
    const auto own = drainer();
    own->start();
    EXPECT_TRUE(eventually([&] { return rebuilt_ >= 3; }));
    is_source_broken_ = false;
    EXPECT_TRUE(eventually([&] { return depth() == 0; }));
}

TEST_F(OutboxDrainerTest, ManyRowsGoInBatches) {
    ASSERT_TRUE(database_->transact([&](store::Transaction &sql) -> Result<void> {
        for (int i = 0; i < 250; ++i) {
            std::string id = kId;
            id.replace(0, 4, std::to_string(1000 + i));
            if (Result<void> queued = store::outbox::enqueue(sql, redis::EventKind::kToken, id, 1, 1);
                !queued) {
                return queued;
            }
        }
        return {};
    }));
    const auto own = drainer();
    own->start();
    EXPECT_TRUE(eventually([&] { return depth() == 0; }));
    EXPECT_EQ(rebuilt_, 250);
    EXPECT_TRUE(eventually(
        [&] { return metrics_.render().find("nexus_cache_outbox_depth 0") != std::string::npos; }));
}

}  // namespace
}  // namespace nexus::control
