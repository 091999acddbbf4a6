// kWriteRecordScript in a real redis-server.
#include "tests/unit/shared/redis/script_fixture.h"

namespace nexus::redis {
namespace {

using namespace tests_of_scripts;

class WriteRecordScript : public ScriptTest {
protected:
    Reply write(uint64_t generation, const std::string &record) {
        return command({"EVAL", std::string{kWriteRecordScript}, "1", key_, std::to_string(generation),
                        record, "60000", to_json({EventKind::kToken, tests::kConnectionId, generation}),
                        std::string{kEventChannel}});
    }

    /// Generation 2, while `parameter` (0 otherwise) keeps the server from writing.
    void expect_refused(const std::string &parameter, std::string_view word) {
        command({"CONFIG", "SET", parameter, "1"});
        const Reply refused = write(2, record_of(2));
        command({"CONFIG", "SET", parameter, "0"});
        ASSERT_EQ(refused->type, REDIS_REPLY_ERROR);
        EXPECT_TRUE(std::string_view(refused->str).starts_with(word)) << refused->str;
    }
};

TEST_F(WriteRecordScript, WritesWithALifetime) {
    const std::string record = record_of(1);
    expect_integer(write(1, record), 1);
    EXPECT_EQ(stored(), record);
    const Reply ttl = command({"PTTL", key_});
    EXPECT_GT(ttl->integer, 50'000);
    EXPECT_LE(ttl->integer, 60'000);
}

TEST_F(WriteRecordScript, RefusesAnOlderGenerationOnly) {
    // Steps across byte borders and above 2^53, where Lua's numbers lose bits.
    const std::vector<uint64_t> growing = {
        0,        1, 255, 256, 65'535, 65'536, (1ull << 32) - 1, 1ull << 32, (1ull << 53), (1ull << 53) + 1,
        INT64_MAX};
    for (size_t i = 0; i < growing.size(); ++i) {
        const std::string record = record_of(growing[i]);
        expect_integer(write(growing[i], record), 1);
        EXPECT_EQ(stored(), record);
        if (i > 0) {
            expect_integer(write(growing[i - 1], record_of(growing[i - 1])), 0);
            EXPECT_EQ(stored(), record) << growing[i];
        }
        const std::string again = record_of(growing[i]);
        expect_integer(write(growing[i], again), 1);
        EXPECT_EQ(stored(), again) << "an equal generation is rewritten";
    }
}

TEST_F(WriteRecordScript, PublishesWhatItWroteAndNothingElse) {
    const Context subscriber = subscribe();
    expect_integer(write(5, record_of(5)), 1);
    expect_integer(write(4, record_of(4)), 0);
    expect_integer(write(6, record_of(6)), 1);

    for (const uint64_t generation : {5, 6}) {
        const Event event = next_event(subscriber);
        EXPECT_EQ(event.id, tests::kConnectionId);
        EXPECT_EQ(event.generation, generation);
    }
}

TEST_F(WriteRecordScript, OverwritesWhatIsNoRecord) {
    for (const std::vector<std::string> &junk : {std::vector<std::string>{"SET", key_, "junk"},
                                                 {"SET", key_, std::string(100, '\xff')},
                                                 {"SET", key_, "NXTR"},
                                                 {"RPUSH", key_, "a", "list"}}) {
        command({"DEL", key_});
        command(junk);
        const std::string record = record_of(1);
        expect_integer(write(1, record), 1);
        EXPECT_EQ(stored(), record);
    }
}

TEST_F(WriteRecordScript, RefusesToWriteWhatIsNoRecordOfThatGeneration) {
    for (const std::string &record : {std::string{}, std::string{"junk"}, record_of(2)}) {
        const Reply reply = write(1, record);
        ASSERT_EQ(reply->type, REDIS_REPLY_ERROR);
        EXPECT_STREQ(reply->str, "ERR not a sealed record of that generation");
        EXPECT_EQ(stored(), "");
    }
}

TEST_F(WriteRecordScript, WhatIsInTheWayIsReadAndRemovedWhileItIsTheSame) {
    const auto read = [&](std::vector<std::string> arguments) {
        std::vector<std::string> words{"EVAL", std::string{kReadRecordScript}, "1", key_};
        words.insert(words.end(), arguments.begin(), arguments.end());
        const Reply reply = command(words);
        return std::string(reply->str, reply->len);
    };
    EXPECT_EQ(read({}), "");
    const std::string record = record_of(5);
    expect_integer(write(5, record), 1);
    EXPECT_EQ(read({}), record);
    EXPECT_EQ(read({record_of(4)}), record);
    EXPECT_EQ(stored(), record);
    EXPECT_EQ(read({record}), "");
    EXPECT_EQ(stored(), "");
}

TEST_F(WriteRecordScript, AFullRedisKeepsNoOlderRecordAndTellsOfTheNewerOne) {
    const Context subscriber = subscribe();
    expect_integer(write(1, record_of(1)), 1);
    EXPECT_EQ(next_event(subscriber).generation, 1u);

    expect_refused("maxmemory", "OOM ");
    EXPECT_EQ(stored(), "");
    EXPECT_EQ(next_event(subscriber).generation, 2u);
}

TEST_F(WriteRecordScript, ARedisWithoutWritesTellsOfTheRecordAllTheSame) {
    const Context subscriber = subscribe();
    const std::string older = record_of(1);
    expect_integer(write(1, older), 1);
    EXPECT_EQ(next_event(subscriber).generation, 1u);

    expect_refused("min-replicas-to-write", "NOREPLICAS ");
    EXPECT_EQ(stored(), older);
    EXPECT_EQ(next_event(subscriber).generation, 2u);
}

}  // namespace
}  // namespace nexus::redis
