#include "shared/record/token_record.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/record/samples.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::record {
namespace {

using tests::OpenedToken;
using tests::sample_token;

TEST(TokenRecord, EveryFieldComesBack) {
    const OpenedToken opened(sample_token());
    const TokenView &view = opened.view;
    EXPECT_EQ(view.connection_id(), tests::kConnectionId);
    EXPECT_EQ(view.workspace_id(), "acme");
    EXPECT_EQ(view.provider_id(), "0b7f9a52-33c5-4e0c-8d9f-5a1f0f6f7d10");
    EXPECT_EQ(view.provider(), "calendar");
    EXPECT_EQ(view.state(), connection::State::kActive);
    EXPECT_EQ(view.generation(), 7u);
    EXPECT_EQ(view.expires_at(), 1'767'225'600'000);
    EXPECT_TRUE(view.refreshable());
    EXPECT_EQ(view.strategy(), "oauth2");
    EXPECT_EQ(view.strategy_config("header_name"), "X-Key");
    ASSERT_EQ(view.strategy_config_count(), 1u);
    EXPECT_EQ(view.strategy_config_at(0).first, "header_name");
    EXPECT_EQ(view.credential("access_token"), "at-secret");
    ASSERT_EQ(view.credential_count(), 2u);
    EXPECT_EQ(view.credential_at(1).first, "token_type");
    EXPECT_EQ(view.credential_at(1).second, "Bearer");
    EXPECT_EQ(view.api_base_url(), "https://api.example.com");
    ASSERT_EQ(view.allowed_host_count(), 2u);
    EXPECT_EQ(view.allowed_host_at(1), "*.files.example.com");
    ASSERT_EQ(view.scope_count(), 2u);
    EXPECT_EQ(view.scope_at(0), "read");
}

TEST(TokenRecord, AbsentFieldsAreEmpty) {
    TokenRecord token;
    token.connection_id = tests::kConnectionId;
    token.state = connection::State::kAttention;
    token.attention_reason = "invalid_grant";
    token.reconnect_url = "https://nexus.example.com/connect/abc";
    token.dpop_key = Secret{std::string_view{R"({"kty":"EC"})"}};
    const OpenedToken opened(token);
    EXPECT_EQ(opened.view.credential("access_token"), "");
    EXPECT_NE(opened.view.credential("access_token").data(), nullptr);
    EXPECT_EQ(opened.view.strategy_config("x"), "");
    EXPECT_EQ(opened.view.credential_count() + opened.view.strategy_config_count() +
                  opened.view.allowed_host_count() + opened.view.scope_count(),
              0u);
    EXPECT_EQ(opened.view.provider(), "");
    EXPECT_EQ(opened.view.attention_reason(), "invalid_grant");
    EXPECT_EQ(opened.view.reconnect_url(), "https://nexus.example.com/connect/abc");
    EXPECT_EQ(opened.view.dpop_key(), R"({"kty":"EC"})");
}

TEST(TokenRecord, SealedForItsOwnRedisKey) {
    const crypto::Keyring keyring = tests::keyring(tests::key_text('a'));
    const std::string sealed = seal_token(keyring, sample_token()).value();
    EXPECT_EQ(sealed.find("at-secret"), std::string::npos);
    EXPECT_EQ(sealed.find("acme"), std::string::npos);
    const Secret payload = open(keyring, redis::token_key(tests::kConnectionId), sealed).value();
    EXPECT_TRUE(TokenView::parse(parse_header(sealed).value(), payload.view()));
}

TEST(TokenRecord, RefusesIdsThatAreNoCanonicalUuid) {
    for (const char *id : {"", "x", "6F1F4F0E-8A43-4A53-9D5B-3A3A5F1B2C01"}) {
        TokenRecord token = sample_token();
        token.connection_id = id;
        EXPECT_EQ(encode_token(token).error().errc, Errc::kMalformedRecord) << id;
    }
}

TEST(TokenRecord, RefusesWhatDoesNotFit) {
    const crypto::Keyring keyring = tests::keyring(tests::key_text('a'));
    TokenRecord token = sample_token();
    token.credentials.emplace_back("large", Secret::zeroed(40'000));
    EXPECT_EQ(seal_token(keyring, token).error().errc, Errc::kMalformedRecord);
    token = sample_token();
    token.expires_at = -1;
    EXPECT_EQ(seal_token(keyring, token).error().errc, Errc::kMalformedRecord);
    token = sample_token();
    token.generation = uint64_t{1} << 63;
    EXPECT_EQ(seal_token(keyring, token).error().errc, Errc::kMalformedRecord);
}

TEST(TokenView, RefusesAPayloadThatDisagreesWithItsHeader) {
    const TokenRecord token = sample_token();
    const Secret payload = encode_token(token).value();
    const auto parse_with = [&](auto change) {
        Header header = header_of(token);
        change(header);
        return TokenView::parse(header, payload.view());
    };
    EXPECT_TRUE(parse_with([](Header &) {}));
    EXPECT_FALSE(parse_with([](Header &header) { header.kind = Kind::kCaller; }));
    EXPECT_FALSE(parse_with([](Header &header) { header.state = 3; }));
    EXPECT_FALSE(parse_with([](Header &header) { header.generation = 8; }));
    EXPECT_FALSE(parse_with([](Header &header) { header.expires_at = 0; }));
}

TEST(TokenView, RefusesDamagedPayloadsWithoutCrashing) {
    const TokenRecord token = sample_token();
    const Secret payload = encode_token(token).value();
    const Header header = header_of(token);
    for (size_t size = 0; size < payload.size(); ++size) {
        const std::string cut{
            payload.view().substr(0, size)};  // its own allocation, so that ASan sees an overrun
        const Result<TokenView> view = TokenView::parse(header, cut);
        if (view) {
            EXPECT_EQ(view->connection_id(), tests::kConnectionId);
        }
    }
    for (size_t at = 0; at < payload.size(); ++at) {
        for (const int flip : {0x01, 0x80, 0xff}) {
            std::string changed{payload.view()};
            changed[at] = static_cast<char>(changed[at] ^ flip);
            if (const Result<TokenView> view = TokenView::parse(header, changed)) {
                for (size_t i = 0; i < view->credential_count(); ++i) {
                    EXPECT_LE(view->credential_at(i).second.size(), changed.size());
                }
            }
        }
    }
}

TEST(TokenView, RefusesACallersPayload) {
    const Secret payload = encode_caller(tests::sample_caller()).value();
    EXPECT_FALSE(TokenView::parse(header_of(sample_token()), payload.view()));
}

}  // namespace
}  // namespace nexus::record
