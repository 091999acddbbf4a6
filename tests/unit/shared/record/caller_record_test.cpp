#include "shared/record/caller_record.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/record/samples.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::record {
namespace {

using tests::OpenedCaller;
using tests::sample_caller;

constexpr Grant kGrants[] = {Grant::kTokenUse, Grant::kTokenRead, Grant::kConnectionCreate,
                             Grant::kConnectionRefresh, Grant::kAdmin};

TEST(CallerRecord, EveryFieldComesBack) {
    CallerRecord caller = sample_caller();
    caller.connections = {tests::kConnectionId};
    caller.providers = {"calendar", "files"};
    caller.aliases = {{"cal", tests::kConnectionId}, {"files.2", "x"}};
    const OpenedCaller opened(caller);
    EXPECT_EQ(opened.view.agent_id(), "e2a1a6f5-1f0e-4d27-9a0e-9f4f1a1b7c22");
    EXPECT_EQ(opened.view.workspace_id(), "acme");
    EXPECT_EQ(opened.view.name(), "night shift");
    EXPECT_EQ(opened.view.key_id(), "0123456789abcdef");
    EXPECT_EQ(opened.view.key_sha256(), std::string(64, 'b'));
    EXPECT_EQ(opened.view.grants(), 1u);
    ASSERT_EQ(opened.view.connection_count(), 1u);
    EXPECT_EQ(opened.view.connection_at(0), tests::kConnectionId);
    ASSERT_EQ(opened.view.provider_count(), 2u);
    EXPECT_EQ(opened.view.provider_at(1), "files");
    ASSERT_EQ(opened.view.alias_count(), 2u);
    EXPECT_EQ(opened.view.alias_at(1).first, "files.2");
    EXPECT_EQ(opened.view.connection_called("cal"), tests::kConnectionId);
    EXPECT_EQ(opened.view.connection_called("ca"), "");
}

TEST(CallerRecord, AliasesAreNoIds) {
    for (const std::string &good : {std::string{"a"}, std::string{"0-._z"}, std::string(63, 'x')}) {
        EXPECT_TRUE(is_alias(good)) << good;
    }
    for (const std::string &bad : {std::string{}, std::string{"-a"}, std::string{".a"}, std::string{"A"}, std::string{"a b"},
                                   std::string{"a/b"}, std::string(64, 'x'), std::string{tests::kConnectionId}}) {
        EXPECT_FALSE(is_alias(bad)) << bad;
    }
}

TEST(CallerRecord, SealedForItsOwnRedisKey) {
    const crypto::Keyring keyring = tests::keyring(tests::key_text('a'));
    CallerRecord caller = sample_caller();
    caller.state = CallerState::kRevoked;
    const std::string sealed = seal_caller(keyring, caller).value();
    EXPECT_EQ(parse_header(sealed).value().state, 2);
    EXPECT_TRUE(open(keyring, redis::caller_key(caller.key_sha256), sealed));
    EXPECT_FALSE(open(keyring, redis::caller_key(std::string(64, 'c')), sealed));
}

TEST(CallerRecord, RefusesAHashThatIsNone) {
    CallerRecord caller = sample_caller();
    for (const std::string &hash :
         {std::string{}, std::string(63, 'a'), std::string(64, 'A'), std::string(64, 'g')}) {
        caller.key_sha256 = hash;
        EXPECT_EQ(encode_caller(caller).error().errc, Errc::kMalformedRecord);
    }
}

TEST(CallerView, RefusesAPayloadThatDisagreesWithItsHeader) {
    const CallerRecord caller = sample_caller();
    const Secret payload = encode_caller(caller).value();
    Header revoked = header_of(caller);
    revoked.state = 2;
    EXPECT_FALSE(CallerView::parse(revoked, payload.view()));
    EXPECT_FALSE(CallerView::parse(header_of(tests::sample_token()), payload.view()));
    EXPECT_TRUE(CallerView::parse(header_of(caller), payload.view()));
}

TEST(CallerView, SeesTheWholeWorkspaceAndNothingElse) {
    const OpenedCaller opened(sample_caller());
    EXPECT_TRUE(opened.view.may_see("acme", tests::kConnectionId, "calendar"));
    EXPECT_FALSE(opened.view.may_see("other", tests::kConnectionId, "calendar"));
    EXPECT_FALSE(opened.view.may_see("", tests::kConnectionId, "calendar"));
    EXPECT_FALSE(opened.view.may_see("acme2", tests::kConnectionId, "calendar"));
}

TEST(CallerView, NarrowingsApplyTogether) {
    CallerRecord caller = sample_caller();
    caller.connections = {tests::kConnectionId};
    caller.providers = {"calendar"};
    const OpenedCaller opened(caller);
    EXPECT_TRUE(opened.view.may_see("acme", tests::kConnectionId, "calendar"));
    EXPECT_FALSE(opened.view.may_see("acme", tests::kConnectionId, "files"));
    EXPECT_FALSE(opened.view.may_see("acme", "7f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01", "calendar"));
    EXPECT_FALSE(opened.view.may_see("acme", "", "calendar"));
}

TEST(Grant, NamesGoBothWays) {
    for (const Grant grant : kGrants) {
        EXPECT_EQ(parse_grant(to_string(grant)), grant);
    }
    EXPECT_EQ(parse_grant("token"), std::nullopt);
    EXPECT_EQ(parse_grant(""), std::nullopt);
    EXPECT_EQ(to_string(static_cast<Grant>(0)), "unknown");
}

TEST(Grant, AdminImpliesAllAndNothingImpliesAdmin) {
    for (const Grant grant : kGrants) {
        EXPECT_TRUE(has_grant(static_cast<uint32_t>(Grant::kAdmin), grant));
        EXPECT_TRUE(has_grant(static_cast<uint32_t>(grant), grant));
        EXPECT_FALSE(has_grant(0, grant));
    }
    EXPECT_FALSE(has_grant(0b1111, Grant::kAdmin));
    EXPECT_FALSE(has_grant(static_cast<uint32_t>(Grant::kTokenRead), Grant::kTokenUse));
}

TEST(AgentKey, HasOneForm) {
    const std::string key = "nxa_0123456789abcdef_" + std::string(43, 'A');
    EXPECT_TRUE(is_agent_key(key));
    EXPECT_TRUE(is_agent_key("nxa_abcdefghijklmnop_" + std::string(41, 'z') + "-_"));
    for (const std::string &text :
         {std::string{}, key + "A", key.substr(1), "NXA_" + key.substr(4),
          "nxa_0123456789ABCDEF_" + std::string(43, 'A'), "nxa_0123456789abcdef-" + std::string(43, 'A'),
          "nxa_0123456789abcdef_" + std::string(42, 'A') + "=",
          "nxa_0123456789abcdef_" + std::string(42, 'A') + "+",
          "nxa_0123456789abcde__" + std::string(43, 'A'), std::string(64, '\0')}) {
        EXPECT_FALSE(is_agent_key(text)) << text;
    }
}

}  // namespace
}  // namespace nexus::record
