#include "control_plane/cache/outbox_drainer.h"

#include <atomic>
#include <functional>
#include <thread>

#include "control_plane/metrics/metrics.h"
#include "control_plane/store/trusted_issuer_repository.h"
#include "shared/caller/identity.h"
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

TEST_F(OutboxDrainerTest, StoppingDoesNotWaitForASlowRedis) {
    for (int i = 0; i < 100; ++i) {
        std::string id = kId;
        id.replace(0, 3, std::to_string(100 + i));
        enqueue(id, 1);
    }
    DrainerOptions options;
    options.at_stop = 100ms;
    OutboxDrainer own(
        *database_, *writer_,
        [this](const store::OutboxEntry &entry) {
            ++rebuilt_;
            std::this_thread::sleep_for(50ms);  // what takes long, of a write, is all the same
            return std::optional<CacheRecord>(token(1, entry.id));
        },
        system_now_ms, options);
    own.start();
    ASSERT_TRUE(eventually([&] { return rebuilt_ >= 1; }));
    const auto begin = std::chrono::steady_clock::now();
    own.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
    EXPECT_EQ(depth(), 100 - rebuilt_) << "what was not written waits, and nothing else";
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

/// A trusted issuer's row, and a drainer that rebuilds its record from it.
class BehindRedisTest : public OutboxDrainerTest {
protected:
    BehindRedisTest() {
        store::TrustedIssuer row;
        row.id = kId;
        row.issuer = issuer_.issuer;
        row.sha256 = sha256_;
        EXPECT_TRUE(database_->transact(
            [&](store::Transaction &sql) { return store::trusted_issuers::create(sql, row); }));
        drainer_ = std::make_unique<OutboxDrainer>(
            *database_, *writer_,
            [this](const store::OutboxEntry &) -> Result<std::optional<CacheRecord>> {
                issuer_.generation = static_cast<uint64_t>(row_generation());
                return std::optional<CacheRecord>(issuer_);
            },
            system_now_ms);
    }
    static record::IssuerRecord new_issuer() {
        record::IssuerRecord record;
        record.issuer = "https://issuer.example";
        return record;
    }
    int64_t row_generation() {
        return store::trusted_issuers::find(*database_, sha256_)
            .map([](const auto &row) { return row.generation; })
            .value_or(0);
    }
    uint64_t generation_in_redis() {
        const std::string text = test::RedisProbe(redis_.socket_path()).ask({"GET", key_}).text;
        return record::open(*keys_, key_, text) ? record::parse_header(text)->generation : 0;
    }
    void set_generation(int64_t generation) {
        ASSERT_TRUE(database_->transact([&](store::Transaction &sql) -> Result<void> {
            return store::outbox::catch_up(sql, redis::EventKind::kIssuer, sha256_, generation - 1, 1)
                .map([](bool) {});
        }));
    }
    bool flush() { return drainer_->flush(redis::EventKind::kIssuer, sha256_, row_generation()).has_value(); }

    record::IssuerRecord issuer_ = new_issuer();
    const std::string sha256_ = caller::issuer_sha256(issuer_.issuer);
    const std::string key_ = redis::issuer_key(sha256_);
    std::unique_ptr<OutboxDrainer> drainer_;
};

TEST_F(BehindRedisTest, ADatabaseThatHasGoneBackIsMovedAheadOfRedis) {
    issuer_.generation = 7;
    ASSERT_EQ(*writer_->write_issuer(issuer_), WriteOutcome::kWritten);
    test::RedisProbe subscriber(redis_.socket_path());
    subscriber.ask({"SUBSCRIBE", std::string(redis::kEventChannel)});
    EXPECT_TRUE(flush());
    EXPECT_EQ(row_generation(), 8);
    EXPECT_EQ(generation_in_redis(), 8u);
    EXPECT_EQ(redis::parse_event(subscriber.next().elements[2])->generation, 8u);
    drainer_->start();
    drainer_->stop();
    EXPECT_EQ(depth(), 0);
    EXPECT_EQ(row_generation(), 8);
}

TEST_F(BehindRedisTest, ANewerRecordOfTheSameDatabaseIsLeftAlone) {
    set_generation(7);
    issuer_.generation = 7;
    ASSERT_EQ(*writer_->write_issuer(issuer_), WriteOutcome::kWritten);
    OutboxDrainer late(
        *database_, *writer_,
        [this, is_first = true](const store::OutboxEntry &) mutable -> Result<std::optional<CacheRecord>> {
            issuer_.generation = std::exchange(is_first, false) ? 6 : 7;  // read before the change, and after
            return std::optional<CacheRecord>(issuer_);
        },
        system_now_ms);
    EXPECT_TRUE(late.flush(redis::EventKind::kIssuer, sha256_, 6));
    EXPECT_EQ(row_generation(), 7);
    EXPECT_EQ(generation_in_redis(), 7u);
}

TEST_F(BehindRedisTest, AGenerationIsNotBelievedOfARecordThatDoesNotOpen) {
    record::IssuerRecord forged = new_issuer();
    forged.generation = INT64_MAX;
    const Result<std::string> sealed = record::seal_issuer(*new_keyring(), forged);
    ASSERT_TRUE(sealed);
    test::RedisProbe(redis_.socket_path()).ask({"SET", key_, *sealed});
    EXPECT_TRUE(flush());
    EXPECT_EQ(row_generation(), 1);
    EXPECT_EQ(generation_in_redis(), 1u);
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
