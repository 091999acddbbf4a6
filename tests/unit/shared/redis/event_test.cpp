#include <gtest/gtest.h>

#include "shared/redis/keys.h"

namespace nexus::redis {
namespace {

constexpr const char *kId = "6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01";

TEST(RedisKeys, AreTaggedForOneSlot) {
    EXPECT_EQ(token_key(kId), "nexus:tok:{6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01}");
    EXPECT_EQ(caller_key("abc"), "nexus:agent:{abc}");
    EXPECT_EQ(issuer_key("abc"), "nexus:issuer:{abc}");
}

TEST(Event, BothWays) {
    const std::string json = to_json({EventKind::kToken, kId, 42});
    EXPECT_EQ(json, R"({"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":42})");
    const Event event = parse_event(json).value();
    EXPECT_EQ(event.kind, EventKind::kToken);
    EXPECT_EQ(event.id, kId);
    EXPECT_EQ(event.generation, 42u);

    const std::string hash(64, 'a');
    const Event caller = parse_event(to_json({EventKind::kCaller, hash, INT64_MAX})).value();
    EXPECT_EQ(caller.kind, EventKind::kCaller);
    EXPECT_EQ(caller.id, hash);
    EXPECT_EQ(caller.generation, uint64_t{INT64_MAX});
    EXPECT_EQ(parse_event(to_json({EventKind::kIssuer, hash, 1})).value().kind, EventKind::kIssuer);
}

TEST(Event, IgnoresMembersOfNewerWriters) {
    EXPECT_TRUE(parse_event(
        R"({"v":2,"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":1,"why":{"a":[]}})"));
}

class NoEvent : public testing::TestWithParam<const char *> {};

TEST_P(NoEvent, IsRefused) {
    const Result<Event> event = parse_event(GetParam());
    ASSERT_FALSE(event);
    EXPECT_EQ(event.error().errc, Errc::kMalformedRecord);
}

INSTANTIATE_TEST_SUITE_P(
    Peers, NoEvent,
    testing::Values(
        "", "{}", "[]", "null", "{", "nonsense", R"("token")",
        R"({"kind":"other","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":1})",
        R"({"kind":"token","id":"6F1F4F0E-8A43-4A53-9D5B-3A3A5F1B2C01","generation":1})",
        R"({"kind":"token","id":"6f1f4f0e","generation":1})", R"({"kind":"token","id":7,"generation":1})",
        R"({"kind":"agent","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":1})",
        R"({"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01"})",
        R"({"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":-1})",
        R"({"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":1.5})",
        R"({"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":9223372036854775808})",
        R"({"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":"1"})",
        R"({"kind":"token","kind":"agent","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":1})",
        R"({"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":1} x)"));

TEST(Event, BoundsTheSize) {
    EXPECT_FALSE(
        parse_event(R"({"kind":"token","id":"6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01","generation":1,"x":")" +
                    std::string(5000, 'x') + "\"}"));
}

}  // namespace
}  // namespace nexus::redis
