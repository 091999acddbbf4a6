// Documents of providers: one claim for all processes, a late writer is noticed, what nobody uses goes.
#include "control_plane/store/document_repository.h"

#include <atomic>
#include <thread>

#include "tests/unit/control_plane/store/fixture.h"

namespace nexus::control::store {
namespace {

constexpr UnixMs kNow = 1'000'000;

class DocumentsTest : public StoreTest {
protected:
    Result<std::optional<int64_t>> claim(int64_t seen_epoch, UnixMs now = kNow) {
        return documents::claim(*database_, key_, {seen_epoch, now, 1000, false, 0});
    }
    Result<std::optional<int64_t>> claim_for_kid(int64_t seen_epoch, UnixMs now) {
        return documents::claim(*database_, key_, {seen_epoch, now, 1000, true, 30'000});
    }
    Result<bool> put(int64_t epoch, const std::string &body, UnixMs now = kNow, bool lacks_kid = false) {
        return documents::put(*database_, key_, epoch, {body, "\"e\"", "Thu", now + 5000, lacks_kid}, now);
    }
    Document row() { return *documents::get(*database_, key_); }
    void add(const std::string &url, UnixMs used_at, bool is_good = true) {
        const DocumentKey key{"jwks", url, ""};
        const int64_t epoch = **documents::claim(*database_, key, {0, used_at, 1000, false, 0});
        if (is_good) {
            EXPECT_TRUE(*documents::put(*database_, key, epoch, {"{}", "", "", 0, false}, used_at));
        }
    }

    const DocumentKey key_{"discovery", "https://i.example/d", "https://i.example"};
};
NEXUS_ON_BOTH_DATABASES(DocumentsTest);

TEST_P(DocumentsTest, ComesBackAsItWasPut) {
    EXPECT_EQ(documents::get(*database_, key_).error().errc, Errc::kNotFound);
    ASSERT_EQ(**claim(0), 1);
    ASSERT_TRUE(*put(1, "{\"a\":1}"));
    const Document got = row();
    EXPECT_EQ(got.body, "{\"a\":1}");
    EXPECT_EQ(got.etag, "\"e\"");
    EXPECT_EQ(got.last_modified, "Thu");
    EXPECT_EQ(got.version, 1);
    EXPECT_EQ(got.fetched_at, kNow);
    EXPECT_EQ(got.checked_at, kNow);
    EXPECT_EQ(got.fresh_until, kNow + 5000);
    EXPECT_EQ(got.lease_until, 0);
    EXPECT_EQ(got.last_used_at, kNow);
    for (const DocumentKey &other : {DocumentKey{"jwks", key_.url, key_.issuer},
                                     DocumentKey{"discovery", key_.url, "https://evil.example"}}) {
        EXPECT_FALSE(documents::get(*database_, other)) << "a document belongs to what it was fetched for";
    }
}

TEST_P(DocumentsTest, OneOfManyClaims) {
    std::atomic<int> winners = 0;
    std::vector<std::thread> threads;
    for (int process = 0; process < 2; ++process) {
        std::shared_ptr<Database> database = open();
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, database] {
                const auto got = documents::claim(*database, key_, {0, kNow, 1000, false, 0});
                EXPECT_TRUE(got);
                winners += got && got->has_value() ? 1 : 0;
            });
        }
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(winners, 1);
}

TEST_P(DocumentsTest, AClaimIsForWhoReadTheLastRow) {
    ASSERT_EQ(**claim(0), 1);
    EXPECT_FALSE(claim(1)->has_value()) << "somebody fetches";
    ASSERT_TRUE(*put(1, "{}"));
    EXPECT_FALSE(claim(0)->has_value()) << "somebody has fetched since";
    EXPECT_EQ(**claim(1), 2);
}

TEST_P(DocumentsTest, ALateWriterIsNoticed) {
    ASSERT_EQ(**claim(0), 1);
    ASSERT_EQ(**claim(1, kNow + 1000), 2) << "the lease is over";
    EXPECT_FALSE(*put(1, "late"));
    EXPECT_FALSE(*documents::failed(*database_, key_, 1, "late", kNow + 9999));
    EXPECT_TRUE(*put(2, "{}"));
    EXPECT_EQ(row().body, "{}");
    EXPECT_EQ(row().next_attempt_at, 0);
}

TEST_P(DocumentsTest, AFailureKeepsTheBodyAndWaits) {
    ASSERT_EQ(**claim(0), 1);
    ASSERT_TRUE(*put(1, "{}"));
    ASSERT_EQ(**claim(1), 2);
    ASSERT_TRUE(*documents::failed(*database_, key_, 2, "status_500", kNow + 2000));
    EXPECT_EQ(row().body, "{}");
    EXPECT_EQ(row().error, "status_500");
    EXPECT_EQ(row().attempts, 1);
    EXPECT_FALSE(claim(2, kNow + 1999)->has_value());
    EXPECT_EQ(**claim(2, kNow + 2000), 3);
    ASSERT_TRUE(
        *documents::put(*database_, key_, 3, {std::nullopt, "", "", kNow + 9000, false}, kNow + 2000));
    EXPECT_EQ(row().body, "{}");
    EXPECT_EQ(row().version, 1);
    EXPECT_EQ(row().fetched_at, kNow);
    EXPECT_EQ(row().checked_at, kNow + 2000);
    EXPECT_EQ(row().error, "");
    EXPECT_EQ(row().attempts, 0);
}

TEST_P(DocumentsTest, AKidIsAskedForOnceInACooldown) {
    ASSERT_EQ(**claim(0), 1);
    ASSERT_TRUE(*put(1, "{}"));
    ASSERT_EQ(**claim_for_kid(1, kNow + 1), 2) << "other fetches do not count";
    ASSERT_TRUE(*put(2, "{}", kNow + 1));
    EXPECT_FALSE(claim_for_kid(2, kNow + 30'000)->has_value());
    ASSERT_EQ(**claim(2, kNow + 30'000), 3) << "nor does the cooldown hold them up";
    ASSERT_TRUE(*put(3, "{}", kNow + 30'000));
    ASSERT_EQ(**claim_for_kid(3, kNow + 30'001), 4);
    ASSERT_TRUE(*put(4, "{}", kNow + 70'000, true));
    EXPECT_FALSE(claim_for_kid(4, kNow + 99'999)->has_value()) << "a fetch that lacked the kid counts";
}

TEST_P(DocumentsTest, WhatNobodyUsesGoes) {
    add("https://a", 1000);
    add("https://b", 3000);
    add("https://c", 3000, false);
    ASSERT_TRUE(documents::touch(*database_, {"jwks", "https://a", ""}, 4000));
    ASSERT_TRUE(documents::touch(*database_, {"jwks", "https://a", ""}, 2000));
    EXPECT_EQ(*documents::forget_unused(*database_, 2000, 3500), 1);
    EXPECT_FALSE(documents::get(*database_, {"jwks", "https://c", ""}));
    EXPECT_EQ(*documents::forget_unused(*database_, 3500, 3500), 1);
    EXPECT_EQ(documents::get(*database_, {"jwks", "https://a", ""})->last_used_at, 4000);
}

TEST_P(DocumentsTest, ThereAreNotMoreThanSoMany) {
    ASSERT_TRUE(database_->transact([&](Transaction &sql) -> Result<void> {
        for (int64_t i = 0; i < documents::kMaxRows + 3; ++i) {
            auto made = documents::claim(sql, {"jwks", "https://" + std::to_string(i), ""},
                                         {0, kNow + i, 1000, false, 0});
            if (!made) {
                return fail(made.error());
            }
        }
        return {};
    }));
    EXPECT_EQ(*documents::forget_unused(*database_, 0, 0), 3);
    EXPECT_FALSE(documents::get(*database_, {"jwks", "https://2", ""}));
    EXPECT_TRUE(documents::get(*database_, {"jwks", "https://3", ""}));
}

}  // namespace
}  // namespace nexus::control::store
