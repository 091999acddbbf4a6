// The state parameter: what verifies, and everything that must not.
#include "control_plane/oauth/state_token.h"

#include <gtest/gtest.h>

#include "shared/encoding/base64.h"

namespace nexus::control {
namespace {

constexpr UnixMs kNow = 1'800'000'000'000;

Secret key(char fill) {
    return Secret{std::string_view{std::string(32, fill)}};
}

StateSigner signer(std::initializer_list<char> fills) {
    std::vector<Secret> keys;
    for (char fill : fills) {
        keys.push_back(key(fill));
    }
    return std::move(*StateSigner::create(std::move(keys)));
}

StateClaims claims() {
    return {"6f1c2a34-0000-4000-8000-000000000001", "w 1\xc3\xa4", "6f1c2a34-0000-4000-8000-000000000002",
            "6f1c2a34-0000-4000-8000-000000000003", kNow,          {}};
}

TEST(StateToken, RoundTrips) {
    std::string token = signer({'a'}).sign(claims());
    Result<StateClaims> got = signer({'a'}).verify(token, kNow + 1000);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->jti, claims().jti);
    EXPECT_EQ(got->workspace_id, claims().workspace_id);
    EXPECT_EQ(got->connection_id, claims().connection_id);
    EXPECT_EQ(got->provider_id, claims().provider_id);
}

TEST(StateToken, LivesTenMinutesAndToleratesALittleSkew) {
    std::string token = signer({'a'}).sign(claims());
    EXPECT_TRUE(signer({'a'}).verify(token, kNow + kStateLifetimeMs - 1));
    EXPECT_FALSE(signer({'a'}).verify(token, kNow + kStateLifetimeMs));
    EXPECT_TRUE(signer({'a'}).verify(token, kNow - kStateSkewMs));
    EXPECT_FALSE(signer({'a'}).verify(token, kNow - kStateSkewMs - 1));
}

TEST(StateToken, VerifiesWithAPreviousKeyAndNoOther) {
    std::string token = signer({'a'}).sign(claims());
    EXPECT_TRUE(signer({'b', 'a'}).verify(token, kNow));
    EXPECT_EQ(signer({'b'}).verify(token, kNow).error().errc, Errc::kInvalidState);
}

TEST(StateToken, EveryChangedByteIsRefused) {
    StateSigner ring = signer({'a'});
    std::string token = ring.sign(claims());
    for (size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(ring.verify(changed, kNow)) << i;
    }
    EXPECT_FALSE(ring.verify(token.substr(0, token.size() - 1), kNow));
    EXPECT_FALSE(ring.verify(token + ".x", kNow));
    EXPECT_FALSE(ring.verify("", kNow));
    EXPECT_FALSE(ring.verify(".", kNow));
    EXPECT_FALSE(ring.verify(std::string(kMaxStateBytes + 1, 'a'), kNow));
}

TEST(StateToken, ABodyOfOursWithAStrangersSignatureIsRefused) {
    std::string body =
        encoding::base64url_encode(R"({"kid":"x","jti":"6f1c2a34-0000-4000-8000-000000000001"})");
    EXPECT_FALSE(signer({'a'}).verify(body + "." + encoding::base64url_encode(std::string(32, '\0')), kNow));
    EXPECT_FALSE(signer({'a'}).verify(body + ".", kNow));
}

TEST(StateToken, OneThatIsBoundToABrowserIsNoTicket) {
    StateSigner ring = signer({'a'});
    EXPECT_TRUE(verify_ticket(ring, ring.sign(claims()), kNow));
    StateClaims bound = claims();
    bound.browser = "digest";
    EXPECT_EQ(ring.verify(ring.sign(bound), kNow)->browser, "digest");
    EXPECT_EQ(verify_ticket(ring, ring.sign(bound), kNow).error().errc, Errc::kInvalidState);
}

TEST(ReconnectTicket, LivesThirtyDaysAndIsNoState) {
    StateSigner ring = signer({'a'});
    std::string ticket = ring.sign_reconnect({claims().connection_id, kNow});
    EXPECT_EQ(ring.sign_reconnect({claims().connection_id, kNow}), ticket);
    Result<ReconnectClaims> got = ring.verify_reconnect(ticket, kNow + kReconnectLifetimeMs - 1);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->connection_id, claims().connection_id);
    EXPECT_FALSE(ring.verify_reconnect(ticket, kNow + kReconnectLifetimeMs));
    EXPECT_FALSE(signer({'b'}).verify_reconnect(ticket, kNow));
    EXPECT_FALSE(ring.verify(ticket, kNow));
    EXPECT_FALSE(ring.verify_reconnect(ring.sign(claims()), kNow));
    EXPECT_FALSE(ring.verify_reconnect(ring.sign_reconnect({"no uuid", kNow}), kNow));
}

TEST(StateSigner, RefusesShortKeys) {
    std::vector<Secret> keys;
    keys.emplace_back(std::string_view{"short"});
    EXPECT_EQ(StateSigner::create(std::move(keys)).error().errc, Errc::kInvalidKey);
    EXPECT_FALSE(StateSigner::create({}));
}

}  // namespace
}  // namespace nexus::control
