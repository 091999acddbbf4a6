// The script in a real redis-server, beside the arithmetic that it must agree with.
#include "shared/redis/take_units.h"

#include <algorithm>
#include <random>

#include "shared/ratelimit/gcra.h"
#include "shared/redis/script_sha1.h"
#include "tests/unit/shared/redis/script_fixture.h"

namespace nexus::redis {
namespace {

using namespace tests_of_scripts;
using ratelimit::kSecond;
using ratelimit::Limit;
using ratelimit::make_limit;
using ratelimit::Micros;

struct Taken {
    long long units = -1;
    long long wait = -1;
    long long owed = -1;
    long long now = -1;
};

class TakeUnitsScript : public ScriptTest {
protected:
    Taken take(const Limit &limit, int64_t wanted, int64_t least, int64_t returned = 0) {
        const TakeUnits arguments(limit, wanted, least, returned);
        std::vector<std::string> words{"EVAL", std::string{kTakeUnitsScript}, "1", limit_};
        for (size_t i = 0; i < TakeUnits::kArguments; ++i) {
            words.emplace_back(arguments.argument(i));
        }
        const Reply reply = command(words);
        if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY || reply->elements != 4) {
            ADD_FAILURE() << (reply != nullptr && reply->str != nullptr ? reply->str : "no array");
            return {};
        }
        return {reply->element[0]->integer, reply->element[1]->integer, reply->element[2]->integer,
                reply->element[3]->integer};
    }

    std::string limit_ = limit_key("zone", "00112233445566778899aabbccddeeff");
};

TEST_F(TakeUnitsScript, KeysHaveASlotOfTheirOwn) {
    EXPECT_EQ(limit_, "nexus:rl:{zone:00112233445566778899aabbccddeeff}");
}

TEST_F(TakeUnitsScript, IsKnownByItsSha1) {
    const Reply loaded = command({"SCRIPT", "LOAD", std::string{kTakeUnitsScript}});
    EXPECT_EQ(std::string_view(loaded->str, loaded->len), script_sha1(kTakeUnitsScript));
}

TEST_F(TakeUnitsScript, TakesWhatThereIs) {
    const Limit limit = make_limit(1, 3600 * kSecond, 9);
    EXPECT_EQ(take(limit, 4, 4).units, 4);
    EXPECT_EQ(take(limit, 4, 1).units, 4);
    const Taken rest = take(limit, 4, 1);
    EXPECT_EQ(rest.units, 2) << "the last two of ten";
    const Taken none = take(limit, 4, 1);
    EXPECT_EQ(none.units, 0);
    EXPECT_NEAR(static_cast<double>(none.wait), 3600e6, 60e6);
    EXPECT_NEAR(static_cast<double>(none.owed), 36000e6, 60e6);
}

TEST_F(TakeUnitsScript, LessThanTheLeastIsNothing) {
    const Limit limit = make_limit(1, 3600 * kSecond, 9);
    take(limit, 8, 8);
    const Taken refused = take(limit, 5, 3);
    EXPECT_EQ(refused.units, 0);
    EXPECT_NEAR(static_cast<double>(refused.wait), 3600e6, 60e6) << "one more is needed";
    EXPECT_EQ(take(limit, 11, 11).wait, 0) << "never";
    EXPECT_EQ(take(limit, 2, 2).units, 2) << "a refusal has cost nothing";
}

TEST_F(TakeUnitsScript, MoreMayHaveToBeThereThanIsTaken) {
    const Limit limit = make_limit(1, 3600 * kSecond, 9);
    take(limit, 9, 9);
    EXPECT_EQ(take(limit, 0, 1).wait, 0);
    EXPECT_EQ(take(limit, 1, 1).units, 1) << "nothing was taken";
    EXPECT_NEAR(static_cast<double>(take(limit, 0, 1).wait), 3600e6, 60e6);
}

TEST_F(TakeUnitsScript, UnitsComeBack) {
    const Limit limit = make_limit(1, 3600 * kSecond, 9);
    take(limit, 10, 10);
    EXPECT_EQ(take(limit, 0, 0, 3).units, 0);
    EXPECT_EQ(take(limit, 4, 1).units, 3);
    EXPECT_EQ(take(limit, 5, 1, 5).units, 5) << "in one call";
    take(limit, 0, 0, 1000);
    EXPECT_EQ(command({"EXISTS", limit_})->integer, 0) << "nothing is owed: nothing is kept";
    EXPECT_EQ(take(limit, 100, 1).units, 10) << "no more than there ever was";
}

TEST_F(TakeUnitsScript, KeepsItsKeyAsLongAsSomethingIsOwed) {
    take(make_limit(1, 10 * kSecond, 9), 3, 3);
    const long long lifetime = command({"PTTL", limit_})->integer;
    EXPECT_GT(lifetime, 20'000);
    EXPECT_LE(lifetime, 30'000);
}

TEST_F(TakeUnitsScript, WhatIsNoTimeIsNothing) {
    const Limit limit = make_limit(1, kSecond, 0);
    command({"SET", limit_, "abc"});
    EXPECT_EQ(take(limit, 1, 1).units, 1);
    command({"SET", limit_, "9999999999999999"});
    EXPECT_NEAR(static_cast<double>(take(limit, 1, 1).wait), 1e6, 0.2e6)
        << "nobody owes more than the limit can ask for";
}

TEST_F(TakeUnitsScript, DecidesAsGcraDoes) {
    std::mt19937_64 random(8);
    const Limit limits[] = {make_limit(1000, kSecond, 20), make_limit(5000, kSecond, 0),
                            make_limit(1, 60 * kSecond, 5), make_limit(100'000, kSecond, 1000),
                            make_limit(700'000, kSecond, 5)};
    for (const Limit &limit : limits) {
        command({"DEL", limit_});
        Micros arrival = 0;
        for (int i = 0; i < 2000; ++i) {
            const auto cost = static_cast<int64_t>(random() % 4);
            const Taken taken = take(limit, cost, std::max<int64_t>(cost, 1));
            const ratelimit::Decision expected = ratelimit::decide(limit, arrival, taken.now, cost);
            arrival = expected.theoretical_arrival_time;
            ASSERT_EQ(taken.units, expected.is_allowed ? cost : 0) << i;
            ASSERT_EQ(taken.wait, expected.retry_after) << i;
            ASSERT_EQ(taken.owed, expected.reset_after) << i;
        }
    }
}

}  // namespace
}  // namespace nexus::redis
