#include "shared/ratelimit/rate.h"

#include <gtest/gtest.h>

namespace nexus::ratelimit {
namespace {

TEST(ParseRate, Units) {
    const struct {
        std::string_view text;
        int64_t requests;
        Micros period;
    } cases[] = {{"1r/s", 1, kSecond},
                 {"30r/m", 30, 60 * kSecond},
                 {"5000r/h", 5000, 3600 * kSecond},
                 {"1000000r/d", 1'000'000, 24 * 3600 * kSecond}};
    for (const auto &[text, requests, period] : cases) {
        const auto rate = parse_rate(text);
        ASSERT_TRUE(rate) << text;
        EXPECT_EQ(rate->requests, requests) << text;
        EXPECT_EQ(rate->period, period) << text;
    }
}

TEST(ParseRate, RefusesEverythingElse) {
    for (const std::string_view text : {"", "r/s", "10", "0r/s", "-1r/s", "1.5r/s", "1000001r/s", "10r/w", "10R/s",
                                        "10 r/s", " 10r/s", "10r/s ", "+1r/s", "99999999999999999999r/s"}) {
        EXPECT_FALSE(parse_rate(text)) << text;
    }
}

TEST(ParseCount, HasBounds) {
    EXPECT_EQ(parse_count("0", 0, 5), 0);
    EXPECT_EQ(parse_count("5", 0, 5), 5);
    for (const std::string_view text : {"", "6", "-1", "1x", "x"}) {
        EXPECT_FALSE(parse_count(text, 0, 5)) << text;
    }
}

TEST(ParseCost, WhatIsTooMuchIsNotOne) {
    const struct {
        std::string_view text;
        int64_t cost;
    } cases[] = {{"0", 0},
                 {"7", 7},
                 {"1000000", kMaxCost},
                 {"1000001", kMaxCost + 1},
                 {"18446744073709551617", kMaxCost + 1},
                 {"0000000000000000000000005", 5},
                 {"", 1},
                 {"x", 1},
                 {"-5", 1},
                 {"-0", 1},
                 {"5 ", 1},
                 {"1e9", 1}};
    for (const auto &[text, cost] : cases) {
        EXPECT_EQ(parse_cost(text), cost) << text;
    }
}

}  // namespace
}  // namespace nexus::ratelimit
