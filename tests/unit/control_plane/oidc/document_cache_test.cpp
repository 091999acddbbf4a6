// Documents of providers while all is well: fetched once, asked for conditionally, shared by all processes.
#include <latch>
#include <thread>

#include "control_plane/metrics/metrics.h"
#include "tests/unit/control_plane/oidc/documents_fixture.h"

namespace nexus::control {
namespace {

class DocumentCacheTest : public DocumentsFixture {};
NEXUS_ON_BOTH_DATABASES(DocumentCacheTest);

TEST_P(DocumentCacheTest, FetchesOnceWhileFresh) {
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ((*discovery_->metadata(source_))->token_endpoint, "https://idp.example/token");
        EXPECT_TRUE(serves(*discovery_));
    }
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 1);
    EXPECT_EQ(provider_[kJwksUrl].requests, 1);
    now_ += kDefaultFreshMs - 1;
    EXPECT_TRUE(discovery_->metadata(source_));
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 1);
    now_ += 1;
    EXPECT_TRUE(discovery_->metadata(source_));
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 2) << "an hour where HTTP does not say";
}

TEST_P(DocumentCacheTest, ADayOfTrafficTransfersEachDocumentOnce) {
    for (const char *url : {kDiscoveryUrl, kJwksUrl}) {
        provider_[url].etag = std::string("\"") + url + "\"";
        provider_[url].cache_control = "max-age=900";
    }
    for (UnixMs passed = 0; passed < kDay; passed += kMinute, now_ += kMinute) {
        EXPECT_TRUE(serves(*discovery_));
        EXPECT_TRUE(discovery_->metadata(source_));
    }
    for (const char *url : {kDiscoveryUrl, kJwksUrl}) {
        EXPECT_EQ(provider_[url].transfers, 1) << url;
        EXPECT_EQ(provider_[url].requests, 24 * 4) << url;
    }
    EXPECT_EQ(row("jwks", kJwksUrl).version, 1);
}

TEST_P(DocumentCacheTest, TheBackgroundAsksBeforeReadersNotice) {
    provider_[kJwksUrl].last_modified = "Sun, 06 Nov 1994 08:49:37 GMT";
    provider_[kDiscoveryUrl].etag = "W/\"weak\"";
    const auto other = process();
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_TRUE(serves(*other));
    for (UnixMs passed = 0; passed < kDay; passed += kMinute, now_ += kMinute) {
        while (discovery_->documents().refresh_one() || other->documents().refresh_one()) {
        }
        const int before = provider_.requests();
        EXPECT_TRUE(serves(*discovery_));
        EXPECT_TRUE(serves(*other));
        EXPECT_EQ(provider_.requests(), before);
    }
    for (const char *url : {kDiscoveryUrl, kJwksUrl}) {
        EXPECT_EQ(provider_[url].transfers, 1) << url;
        EXPECT_EQ(provider_[url].requests, 24 * 60 / 48 + 0) << url << ": at 0.8 of an hour, by one of two";
    }
}

TEST_P(DocumentCacheTest, NobodyKeepsWarmWhatNobodyUses) {
    EXPECT_TRUE(serves(*discovery_));
    discovery_->documents().write_uses();
    now_ += DocumentCache::kKeepWarmMs - 1;
    EXPECT_TRUE(discovery_->documents().refresh_one());
    now_ += 2 * kHour;
    EXPECT_FALSE(discovery_->documents().refresh_one());
    EXPECT_EQ(discovery_->documents().forget_unused(), 0);
    now_ += DocumentCache::kForgetMs;
    EXPECT_EQ(discovery_->documents().forget_unused(), 2);
    EXPECT_TRUE(serves(*discovery_)) << "and it is there again when it is used again";
    EXPECT_EQ(row("jwks", kJwksUrl).version, 1);
}

TEST_P(DocumentCacheTest, AUseIsWrittenDown) {
    EXPECT_TRUE(serves(*discovery_));
    const UnixMs first = row("jwks", kJwksUrl).last_used_at;
    now_ += DocumentCache::kTouchMs;
    EXPECT_TRUE(serves(*discovery_));
    discovery_->documents().write_uses();
    EXPECT_EQ(row("jwks", kJwksUrl).last_used_at, first + DocumentCache::kTouchMs);
}

TEST_P(DocumentCacheTest, HttpSaysHowLongWithinBounds) {
    provider_[kJwksUrl].cache_control = "max-age=1";
    EXPECT_TRUE(serves(*discovery_));
    now_ += kMinFreshMs - 1;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(provider_[kJwksUrl].requests, 1);
    provider_[kJwksUrl].cache_control = "max-age=99999999";
    now_ += 1;
    EXPECT_TRUE(serves(*discovery_));
    now_ += kMaxFreshMs - 1;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(provider_[kJwksUrl].requests, 2);
    now_ += 1;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(provider_[kJwksUrl].requests, 3);
}

TEST_P(DocumentCacheTest, TheProfilesTtlCountsInstead) {
    provider_[kJwksUrl].cache_control = "max-age=86400";
    source_.jwks_ttl_s = 60;
    EXPECT_TRUE(serves(*discovery_));
    now_ += 60'000;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(provider_[kJwksUrl].requests, 2);
    source_.jwks_ttl_s = 7 * 86400;
    now_ += 2 * kDay;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(provider_[kJwksUrl].requests, 2);
}

TEST_P(DocumentCacheTest, TwoProcessesFetchOnce) {
    const auto other = process();
    std::latch start(8);
    provider_.on_request = [](const std::string &) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            start.arrive_and_wait();
            EXPECT_TRUE(serves(i % 2 == 0 ? *discovery_ : *other));
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 1);
    EXPECT_EQ(provider_[kJwksUrl].requests, 1);
}

TEST_P(DocumentCacheTest, ADeadProcessHoldsUpNobodyForLong) {
    EXPECT_TRUE(serves(*discovery_));
    now_ += kDefaultFreshMs;
    ASSERT_TRUE(*store::documents::claim(*database_, {"jwks", kJwksUrl, ""},
                                         {row("jwks", kJwksUrl).lease_epoch, now_, 20'000, false, 0}));
    EXPECT_TRUE(serves(*discovery_)) << "stale, while somebody seems to fetch";
    EXPECT_EQ(provider_[kJwksUrl].requests, 1);
    now_ += 20'000;
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(provider_[kJwksUrl].requests, 2);
}

TEST_P(DocumentCacheTest, AWarmUpThatLeavesTheAskingToAnotherProcessHoldsUpNobody) {
    ASSERT_TRUE(*store::documents::claim(*database_, {"discovery", kDiscoveryUrl, kIssuer},
                                         {0, now_, 200, false, 0}));
    EXPECT_FALSE(discovery_->warm_up(source_));
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 0);
    now_ += 200;
    EXPECT_TRUE(serves(*discovery_));
}

TEST_P(DocumentCacheTest, AnOverrideNeedsNoDocument) {
    source_.jwks_uri = "https://keys.example/jwks";
    provider_["https://keys.example/jwks"].body = key_set("k1");
    EXPECT_TRUE(serves(*discovery_));
    EXPECT_EQ(provider_.requests(), 1);
    source_.well_known_url = "https://elsewhere.example/oidc";
    provider_["https://elsewhere.example/oidc"].body = discovery_document(kIssuer, kJwksUrl);
    EXPECT_TRUE(discovery_->metadata(source_));
    EXPECT_EQ(provider_[kDiscoveryUrl].requests, 0);
}

// Whoever registers a provider with somebody else's document harms nobody but themselves.
TEST_P(DocumentCacheTest, ADocumentBelongsToItsIssuer) {
    IssuerSource confused;
    confused.issuer = "https://evil.example";
    confused.well_known_url = kDiscoveryUrl;
    EXPECT_EQ(discovery_->metadata(confused).error().errc, Errc::kProviderError);
    EXPECT_TRUE(discovery_->metadata(source_));
    EXPECT_FALSE(discovery_->metadata(confused));
    EXPECT_TRUE(process()->metadata(source_));
}

TEST_P(DocumentCacheTest, IsCounted) {
    Metrics metrics;
    const auto discovery = process(&metrics);
    provider_[kJwksUrl].etag = "\"e\"";
    EXPECT_TRUE(serves(*discovery));
    now_ += kDefaultFreshMs;
    EXPECT_TRUE(serves(*discovery));
    provider_.set_down(true);
    now_ += kDefaultFreshMs;
    EXPECT_TRUE(serves(*discovery));
    discovery->documents().report_ages();
    const std::string text = metrics.render();
    for (const char *line :
         {"oidc_discovery_total{result=\"success\"} 2", "oidc_discovery_total{result=\"error\"} 1",
          "oidc_discovery_total{result=\"stale\"} 1", "oidc_jwks_fetch_total{result=\"fetched\"} 1",
          "oidc_jwks_fetch_total{result=\"not_modified\"} 1", "oidc_jwks_fetch_total{result=\"error\"} 1",
          "oidc_discovery_duration_seconds_count 3", "oidc_document_age_seconds{kind=\"jwks\"} 3600",
          "oidc_document_age_seconds{kind=\"discovery\"} 3600"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
    }
}

}  // namespace
}  // namespace nexus::control
