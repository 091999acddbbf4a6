// Every interleaving of two processes that refresh one connection, with a crash at every step, an answer lost
// at every exchange, and leases and graces running out between any two steps: no state loses the newest
// refresh token, and none redeems one twice.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "tests/unit/control_plane/refresh/redemption_model.h"

namespace nexus::control::model {
namespace {

using Use = RefreshReuse::Use;

struct Case {
    const char *name;
    RefreshReuse reuse;  // as the profile says it
    bool rotates;
};

World begin(const Case &how) {
    World world;
    world.provider.reuse = how.reuse;
    world.provider.rotates = how.rotates;
    world.store.connection.state = connection::State::kActive;
    world.store.connection.refreshable = true;
    world.store.row.connection_id = "c";
    world.store.row.epoch = world.store.row.token_epoch = 1;
    world.store.row.due_at = kStart;
    return world;
}

std::vector<World> successors(const World &world) {
    std::vector<World> out;
    const auto try_one = [&](const std::function<bool(World &)> &event) {
        World next = world;
        if (event(next)) {
            out.push_back(std::move(next));
        }
    };
    for (size_t i = 0; i < kProcesses; ++i) {
        try_one([i](World &next) { return step(next, i); });
        try_one([i](World &next) { return lose_answer(next, i); });
        try_one([i](World &next) { return lose_request(next, i); });
        try_one([i](World &next) { return crash(next, i); });
    }
    try_one(jump);
    return out;
}

class InterleavingsTest : public testing::TestWithParam<Case> {
protected:
    void check(const World &world) const {
        ASSERT_FALSE(world.provider.is_reused) << "a consumed token was sent again: " << world.key();
        World end = world;
        settle(end);
        ASSERT_FALSE(end.provider.is_reused) << world.key() << " ends in " << end.key();
        const bool holds_newest = end.store.token == end.provider.newest;
        const bool is_lost = end.store.connection.state == connection::State::kAttention;
        ASSERT_TRUE(holds_newest || is_lost) << world.key() << " ends in " << end.key();
        if (is_lost) {
            ASSERT_EQ(end.store.connection.attention_reason, kLostRotation);
            ASSERT_TRUE(world.is_ambiguous || end.is_ambiguous)
                << "given up, and nothing was lost: " << world.key();
            ASSERT_TRUE(GetParam().rotates) << world.key();
        }
        for (const Process &process : world.processes) {
            if (process.at == At::kAnswered && process.outcome && process.has_newest &&
                process.answer == end.provider.newest) {
                ASSERT_TRUE(holds_newest && !is_lost)
                    << "a process has the newest token, and it is not stored: " << world.key();
            }
        }
    }
};

TEST_P(InterleavingsTest, NoneLosesTheNewestTokenAndNoneRedeemsTwice) {
    std::set<std::string> seen;
    std::vector<World> open{begin(GetParam())};
    seen.insert(open.front().key());
    while (!open.empty()) {
        const World world = std::move(open.back());
        open.pop_back();
        ASSERT_NO_FATAL_FAILURE(check(world));
        for (World &next : successors(world)) {
            if (seen.insert(next.key()).second) {
                open.push_back(std::move(next));
            }
        }
    }
    RecordProperty("states", static_cast<int>(seen.size()));
    EXPECT_GT(seen.size(), 1000U) << "the search did not search";
}

INSTANTIATE_TEST_SUITE_P(Providers, InterleavingsTest,
                         testing::Values(Case{"Strict", {Use::kSingleUse, 0}, true},
                                         Case{"Grace", {Use::kSingleUse, 5}, true},
                                         Case{"LongGrace", {Use::kSingleUse, 60}, true},
                                         Case{"Reusable", {Use::kReusable, 0}, false},
                                         Case{"UnknownThatKeeps", {Use::kUnknown, 0}, false},
                                         Case{"UnknownThatRotates", {Use::kUnknown, 0}, true}),
                         [](const auto &the_case) { return std::string{the_case.param.name}; });

}  // namespace
}  // namespace nexus::control::model
