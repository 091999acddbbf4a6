#include "shared/connection/state.h"

#include <gtest/gtest.h>
#include <set>
#include <utility>

namespace nexus::connection {
namespace {

constexpr State kAll[] = {State::kPending, State::kActive,  State::kAttention,
                          State::kFailed,  State::kExpired, State::kRevoked};

TEST(State, NamesAndNumbersGoBothWays) {
    for (const State state : kAll) {
        EXPECT_EQ(parse_state(to_string(state)), state);
        EXPECT_EQ(to_state(static_cast<uint8_t>(state)), state);
    }
    EXPECT_EQ(to_state(0), std::nullopt);
    EXPECT_EQ(to_state(7), std::nullopt);
    EXPECT_EQ(parse_state(""), std::nullopt);
    EXPECT_EQ(parse_state("Active"), std::nullopt);
    EXPECT_EQ(to_string(static_cast<State>(99)), "unknown");
}

TEST(State, NumbersArePartOfTheRecordFormat) {
    EXPECT_EQ(static_cast<int>(State::kPending), 1);
    EXPECT_EQ(static_cast<int>(State::kActive), 2);
    EXPECT_EQ(static_cast<int>(State::kAttention), 3);
    EXPECT_EQ(static_cast<int>(State::kFailed), 4);
    EXPECT_EQ(static_cast<int>(State::kExpired), 5);
    EXPECT_EQ(static_cast<int>(State::kRevoked), 6);
}

TEST(State, OnlyTheseTransitionsExist) {
    const std::set<std::pair<State, State>> allowed = {
        {State::kPending, State::kActive},    {State::kPending, State::kFailed},
        {State::kPending, State::kRevoked},   {State::kActive, State::kAttention},
        {State::kActive, State::kExpired},    {State::kActive, State::kRevoked},
        {State::kAttention, State::kActive},  {State::kAttention, State::kExpired},
        {State::kAttention, State::kRevoked}, {State::kFailed, State::kPending},
        {State::kFailed, State::kActive},     {State::kFailed, State::kRevoked},
        {State::kExpired, State::kActive},    {State::kExpired, State::kRevoked},
    };
    for (const State from : kAll) {
        for (const State to : kAll) {
            EXPECT_EQ(is_transition(from, to), from == to || allowed.contains({from, to}))
                << to_string(from) << " -> " << to_string(to);
        }
    }
}

TEST(State, RefusalsOfATokenRequest) {
    EXPECT_EQ(refusal(State::kActive), std::nullopt);
    EXPECT_EQ(refusal(State::kAttention), Errc::kAttentionRequired);
    EXPECT_EQ(refusal(State::kPending), Errc::kConnectionPending);
    EXPECT_EQ(refusal(State::kFailed), Errc::kConnectionNotActive);
    EXPECT_EQ(refusal(State::kExpired), Errc::kConnectionNotActive);
    EXPECT_EQ(refusal(State::kRevoked), Errc::kConnectionRevoked);
}

}  // namespace
}  // namespace nexus::connection
