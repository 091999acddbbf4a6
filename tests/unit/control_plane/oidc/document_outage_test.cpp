// Documents of providers when things go wrong: outages, broken answers, keys that nobody knows.
#include <latch>
#include <thread>

#include "control_plane/oidc/document_keeper.h"
#include "tests/unit/control_plane/oidc/documents_fixture.h"

namespace nexus::control {
namespace {

class DocumentOutageTest : public DocumentsFixture {
protected:
    /// When the provider was asked for its keys during `time`, in seconds from now, with a reader each 100
    /// ms.
    std::vector<int64_t> attempts_during(UnixMs time) {
        std::vector<int64_t> attempts;
        const UnixMs start = now_;
        for (; now_ < start + time; now_ += 100) {
            const int before = provider_[kJwksUrl].requests;
            (void)discovery_->keys(source_, "k1");
            if (provider_[kJwksUrl].requests != before) {
                attempts.push_back((now_ - start) / 1000);
            }
        }
        return attempts;
    }
};
NEXUS_ON_BOTH_DATABASES(DocumentOutageTest);

TEST_P(DocumentOutageTest, TenThousandUnknownKeysAskOnceInACooldown) {
    const auto other = process();
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_TRUE(serves(*other));
    const int before = provider_[kJwksUrl].requests;
    for (int i = 0; i < 10'000; ++i, now_ += 7) {  // 70 seconds
        const auto keys = (i % 2 == 0 ? *discovery_ : *other).keys(source_, "forged-" + std::to_string(i));
        ASSERT_TRUE(keys && (*keys)->has_kid("k1"));
    }
    EXPECT_EQ(provider_[kJwksUrl].requests - before, 3) << "at 0, 30 and 60 seconds, by two processes";
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 1);
}

TEST_P(DocumentOutageTest, AFloodBeforeTheFirstFetchAsksOnceToo) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 250; ++i, now_ += 10) {  // 20 seconds in all
                (void)discovery_->keys(source_, "forged-" + std::to_string(t * 1000 + i));
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(provider_[kJwksUrl].requests, 1);
}

TEST_P(DocumentOutageTest, ARotationIsNoticedAtOnceAndByAll) {
    const auto other = process();
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_TRUE(serves(*other));
    provider_[kJwksUrl].body = key_set("k2");
    EXPECT_TRUE(serves(*discovery_, "k2"));
    EXPECT_EQ(provider_[kJwksUrl].requests, 2);
    EXPECT_TRUE(serves(*other, "k2"));
    EXPECT_EQ(provider_[kJwksUrl].requests, 2) << "the other process reads what the first has fetched";
    EXPECT_EQ(row("jwks", kJwksUrl).version, 2);
    provider_[kJwksUrl].body = key_set("k1");
    EXPECT_FALSE(serves(*discovery_, "k1")) << "twice in a cooldown is too much";
    source_.jwks_cooldown_s = 5;
    now_ += 5000;
    EXPECT_TRUE(serves(*discovery_, "k1"));
}

TEST_P(DocumentOutageTest, AProviderThatHangsHoldsUpOnlyItself) {
    IssuerSource quick;
    quick.issuer = "https://quick.example";
    quick.jwks_uri = "https://quick.example/jwks";
    provider_[quick.jwks_uri].body = key_set("k2");
    EXPECT_TRUE(serves(*discovery_));
    std::latch asked(1);
    std::latch release(1);
    provider_.on_request = [&](const std::string &url) {
        if (url == kJwksUrl) {
            asked.count_down();
            release.wait();
        }
    };
    std::thread forged([&] { EXPECT_FALSE(serves(*discovery_, "forged")); });
    asked.wait();
    EXPECT_TRUE(serves(*discovery_, "k1")) << "who needs a known key does not wait";
    EXPECT_TRUE(discovery_->keys(quick, "k2"));
    now_ += kDefaultFreshMs;
    EXPECT_TRUE(serves(*discovery_, "k1")) << "not even when they are stale";
    release.count_down();
    forged.join();
}

TEST_P(DocumentOutageTest, AnOutageServesWhatIsKnownHoweverOld) {
    EXPECT_TRUE(serves(*discovery_));
    provider_.set_down(true);
    now_ += kDefaultFreshMs;
    const std::vector<int64_t> attempts = attempts_during(10 * kMinute);
    EXPECT_GE(attempts.size(), 8u);
    EXPECT_LE(attempts.size(), 11u) << "each time later: 1, 2, 4 seconds and so on, to five minutes";
    now_ += 30 * kDay;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_TRUE(discovery_->metadata(source_));
    provider_.set_down(false);
    now_ += 7 * kMinute;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(row("jwks", kJwksUrl).checked_at, now_);
    EXPECT_EQ(row("jwks", kJwksUrl).error, "");
}

TEST_P(DocumentOutageTest, ARestartDuringAnOutageGoesOnFromTheDatabase) {
    EXPECT_TRUE(serves(*discovery_));
    provider_.set_down(true);
    now_ += 20 * kDay;
    discovery_ = process();
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_TRUE(discovery_->metadata(source_));
    EXPECT_FALSE(serves(*discovery_, "forged"));
}

TEST_P(DocumentOutageTest, AFirstFetchThatFailsIsTriedAgainSoon) {
    provider_[kJwksUrl].is_down = true;
    EXPECT_EQ(discovery_->keys(source_, "k1").error().errc, Errc::kProviderUnavailable);
    EXPECT_GT(discovery_->keys(source_, "k1").error().retry_after_s, 0);
    now_ = now_ + 5000;
    const std::vector<int64_t> attempts = attempts_during(2 * kMinute);
    EXPECT_GE(attempts.size(), 5u);
    EXPECT_LE(attempts.size(), 9u) << "half a minute at the most";
    provider_[kJwksUrl].is_down = false;
    now_ += 38'000;
    EXPECT_TRUE(serves(*discovery_));
}

TEST_P(DocumentOutageTest, AnAnswerThatCameInPartIsAskedForAgainToo) {
    provider_[kJwksUrl].is_down = true;
    provider_[kJwksUrl].down_errc = Errc::kProviderSilent;
    EXPECT_EQ(discovery_->keys(source_, "k1").error().errc, Errc::kProviderSilent);
    EXPECT_GT(discovery_->keys(source_, "k1").error().retry_after_s, 0);
}

TEST_P(DocumentOutageTest, RetryAfterIsObeyed) {
    provider_[kJwksUrl].status = 503;
    provider_[kJwksUrl].retry_after = "120";
    EXPECT_EQ(discovery_->keys(source_, "k1").error().errc, Errc::kProviderUnavailable);
    EXPECT_TRUE(attempts_during(2 * kMinute).empty());
    EXPECT_EQ(attempts_during(kMinute).size(), 1u);
}

TEST_P(DocumentOutageTest, WhatIsNotThereIsAskedForOnceInAWhile) {
    provider_[kDiscoveryUrl].status = 404;
    const auto other = process();
    for (int i = 0; i < 290; ++i, now_ += 100) {
        EXPECT_EQ((i % 2 == 0 ? *discovery_ : *other).metadata(source_).error().errc, Errc::kProviderError);
    }
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 1);
    provider_[kDiscoveryUrl].status = 200;
    now_ += 10'000;
    EXPECT_TRUE(other->metadata(source_));
    EXPECT_TRUE(discovery_->metadata(source_));
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 2);
}

struct BrokenCase {
    std::string name;
    std::string url;
    std::string body;
    int status = 200;
};

class BrokenAnswers : public DocumentOutageTest {
protected:
    static std::vector<BrokenCase> cases() {
        return {
            {"html", kDiscoveryUrl, "<html>be right back</html>"},
            {"another issuer", kDiscoveryUrl, discovery_document("https://evil.example", kJwksUrl)},
            {"no endpoints", kDiscoveryUrl, R"({"issuer":"https://idp.example/t1"})"},
            {"plain http", kDiscoveryUrl, discovery_document(kIssuer, "http://idp.example/jwks")},
            {"too large", kDiscoveryUrl,
             discovery_document(kIssuer, kJwksUrl).insert(1, std::string(kMaxDocumentBytes, ' '))},
            {"nothing", kDiscoveryUrl, ""},
            {"a redirect", kDiscoveryUrl, discovery_document(kIssuer, kJwksUrl), 302},
            {"304 to nobody's question", kDiscoveryUrl, "", 304},
            {"no set", kJwksUrl, R"({"key":[]})"},
            {"no keys", kJwksUrl, R"({"keys":[]})"},
            {"no usable key", kJwksUrl, R"({"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"k1"}]})"},
            {"truncated", kJwksUrl, key_set("k2").substr(0, 60)},
        };
    }
};
NEXUS_ON_BOTH_DATABASES(BrokenAnswers);

TEST_P(BrokenAnswers, NeverReplaceAGoodDocument) {
    for (const BrokenCase &one : cases()) {
        SCOPED_TRACE(one.name);
        const std::string good = provider_[one.url].body;
        ASSERT_TRUE(serves(*discovery_));
        ASSERT_TRUE(discovery_->metadata(source_));
        const std::string stored = row(one.url == kJwksUrl ? "jwks" : "discovery", one.url.c_str()).body;
        now_ += kDay;
        provider_[one.url].body = one.body;
        provider_[one.url].status = one.status;
        EXPECT_TRUE(serves(*discovery_));
        EXPECT_EQ((*discovery_->metadata(source_))->jwks_uri, kJwksUrl);
        const store::Document kept = row(one.url == kJwksUrl ? "jwks" : "discovery", one.url.c_str());
        EXPECT_EQ(kept.body, stored);
        if (one.status != 304) {  // which confirms what is there: nothing was broken
            EXPECT_TRUE(kept.error.starts_with("refused: ")) << kept.error;
        }
        provider_[one.url].body = good;
        provider_[one.url].status = 200;
        now_ += kDay;
    }
}

TEST_P(BrokenAnswers, AreNoDocumentAtAll) {
    for (const BrokenCase &one : cases()) {
        SCOPED_TRACE(one.name);
        ASSERT_TRUE(database_->execute("DELETE FROM documents"));
        const std::string good = provider_[one.url].body;
        provider_[one.url].body = one.body;
        provider_[one.url].status = one.status;
        EXPECT_EQ(process()->keys(source_, "k1").error().errc, Errc::kProviderError);
        provider_[one.url].body = good;
        provider_[one.url].status = 200;
    }
}

TEST_P(DocumentOutageTest, TheDatabaseAwayLeavesWhatIsInMemory) {
    EXPECT_TRUE(serves(*discovery_));
    ASSERT_TRUE(database_->execute("ALTER TABLE documents RENAME TO away"));
    EXPECT_TRUE(serves(*discovery_));
    now_ += kDay;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(process()->metadata(source_).error().errc, Errc::kStoreUnavailable);
    ASSERT_TRUE(database_->execute("ALTER TABLE away RENAME TO documents"));
    now_ += 2000;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(row("jwks", kJwksUrl).checked_at, now_);
}

TEST_P(DocumentOutageTest, ARowThatCannotBeReadIsFetchedAnew) {
    EXPECT_TRUE(serves(*discovery_));
    ASSERT_TRUE(database_->execute("UPDATE documents SET body = 'broken', etag = 'e'"));
    EXPECT_TRUE(serves(*process()));
    EXPECT_EQ(provider_[kJwksUrl].transfers, 2);
    EXPECT_EQ(provider_[kJwksUrl].last_condition, "") << "nobody asks whether a broken body still holds";
}

TEST_P(DocumentOutageTest, TheKeeperWarmsUpAndStops) {
    provider_["https://away.example/.well-known/openid-configuration"].is_down = true;
    DocumentKeeperOptions options;
    options.interval = std::chrono::milliseconds(5);
    options.start_jitter = std::chrono::milliseconds(0);
    std::atomic<int> asked_for_sources = 0;
    DocumentKeeper keeper(
        *discovery_,
        [&]() -> Result<std::vector<IssuerSource>> {
            if (++asked_for_sources == 1) {
                return fail(Errc::kStoreUnavailable, "not yet");
            }
            IssuerSource away;
            away.issuer = "https://away.example";
            return std::vector{away, source_};
        },
        options);
    keeper.start();
    for (int i = 0; i < 5000 && !store::documents::get(*database_, {"jwks", kJwksUrl, ""})
                                     .map([](const store::Document &row) { return row.version > 0; })
                                     .value_or(false);
         ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    keeper.stop();
    EXPECT_EQ(asked_for_sources, 2);
    provider_.set_down(true);
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(provider_["https://away.example/.well-known/openid-configuration"].requests, 1)
        << "its backoff counts for the keeper too";
}

}  // namespace
}  // namespace nexus::control
