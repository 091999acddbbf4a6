// The scripts of a turn in a real redis-server.
#include "shared/redis/ask_turn.h"

#include "tests/unit/shared/redis/script_fixture.h"

namespace nexus::redis {
namespace {

using namespace tests_of_scripts;

class AskTurn : public ScriptTest {
protected:
    Reply take(const std::string &token, int lease_ms = 60'000) {
        return command({"EVAL", std::string{kTakeTurnScript}, "1", lock_, token, std::to_string(lease_ms)});
    }

    Reply end(const std::string &token, uint64_t generation = 0, const std::string &record = "") {
        return command({"EVAL", std::string{end_turn_script()}, "2", key_, lock_, std::to_string(generation),
                        record, "60000", to_json({EventKind::kToken, tests::kConnectionId, generation}),
                        std::string{kEventChannel}, token,
                        to_json({EventKind::kToken, tests::kConnectionId, 0})});
    }

    bool is_locked() { return command({"EXISTS", lock_})->integer == 1; }

    std::string lock_ = turn_key(Turn::kFetch, tests::kConnectionId);
};

TEST_F(AskTurn, LocksAreOnTheRecordsSlot) {
    EXPECT_EQ(turn_key(Turn::kFetch, "a-b"), "nexus:fetch:{a-b}");
    EXPECT_EQ(turn_key(Turn::kRefresh, "a-b"), "nexus:refresh:{a-b}");
    EXPECT_EQ(turn_key(Turn::kEarly, "a-b"), "nexus:early:{a-b}");
}

TEST_F(AskTurn, BelongsToOneHolderWhoMayRenewIt) {
    expect_integer(take("one", 5000), 1);
    expect_integer(take("two"), 0);
    EXPECT_LE(command({"PTTL", lock_})->integer, 5000);
    expect_integer(take("one", 60'000), 1);
    EXPECT_GT(command({"PTTL", lock_})->integer, 50'000);
}

TEST_F(AskTurn, EndsWithItsLease) {
    expect_integer(take("one", 1), 1);
    while (is_locked()) {
    }
    expect_integer(take("two"), 1);
    expect_integer(take("one"), 0);
}

TEST_F(AskTurn, EndWritesTheRecordAndTellsThoseWhoWait) {
    const Context subscriber = subscribe();
    expect_integer(take("one"), 1);
    const std::string record = record_of(7);
    expect_integer(end("one", 7, record), 1);
    EXPECT_EQ(stored(), record);
    EXPECT_FALSE(is_locked());
    EXPECT_EQ(next_event(subscriber).generation, 0u);
    EXPECT_EQ(next_event(subscriber).generation, 7u);
}

TEST_F(AskTurn, EndWithoutARecordTellsToo) {
    const Context subscriber = subscribe();
    expect_integer(take("one"), 1);
    expect_integer(end("one"), 0);
    EXPECT_FALSE(is_locked());
    const Event event = next_event(subscriber);
    EXPECT_EQ(event.id, tests::kConnectionId);
    EXPECT_EQ(event.generation, 0u);
}

TEST_F(AskTurn, EndKeepsANewerRecord) {
    const std::string newer = record_of(8);
    command({"SET", key_, newer});
    expect_integer(take("one"), 1);
    expect_integer(end("one", 7, record_of(7)), 0);
    EXPECT_EQ(stored(), newer);
    EXPECT_FALSE(is_locked());
}

TEST_F(AskTurn, WhoLostItWritesNothing) {
    expect_integer(end("one", 7, record_of(7)), -1);
    expect_integer(take("two"), 1);
    expect_integer(end("one", 7, record_of(7)), -1);
    EXPECT_EQ(stored(), "");
    EXPECT_TRUE(is_locked());
}

}  // namespace
}  // namespace nexus::redis
