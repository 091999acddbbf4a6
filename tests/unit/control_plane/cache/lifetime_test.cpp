#include <gtest/gtest.h>

#include "control_plane/cache/cache_writer.h"

namespace nexus::control {
namespace {

constexpr int64_t kHour = 3600 * 1000;

TEST(Lifetime, OfTokensFollowsTheEdgeProtocol) {
    record::TokenRecord record;
    record.state = connection::State::kActive;
    record.expires_at = 5000;
    EXPECT_EQ(token_lifetime_ms(record, 2000), 3000);
    EXPECT_LE(token_lifetime_ms(record, 5000), 0);
    record.expires_at = 0;
    EXPECT_EQ(token_lifetime_ms(record, 2000), 24 * kHour);
    record.state = connection::State::kAttention;
    record.expires_at = 1;
    EXPECT_EQ(token_lifetime_ms(record, 2000), kHour);
}

TEST(Lifetime, OfCallersFollowsTheEdgeProtocol) {
    record::CallerRecord record;
    EXPECT_EQ(caller_lifetime_ms(record, 2000), kHour);
    record.expires_at = 2500;
    EXPECT_EQ(caller_lifetime_ms(record, 2000), 500);
    record.expires_at = 2000 + 2 * kHour;
    EXPECT_EQ(caller_lifetime_ms(record, 2000), kHour);
    record.state = record::CallerState::kRevoked;
    EXPECT_EQ(caller_lifetime_ms(record, 2000), 24 * kHour);
}

}  // namespace
}  // namespace nexus::control
