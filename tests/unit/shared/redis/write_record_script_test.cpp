// kWriteRecordScript in a real redis-server, which this test starts on a Unix socket in a folder of its own.
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "shared/crypto/random.h"
#include "shared/redis/keys.h"
#include "tests/unit/shared/record/samples.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::redis {
namespace {

struct ReplyDelete {
    void operator()(redisReply *reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, ReplyDelete>;

struct ContextDelete {
    void operator()(redisContext *context) const { redisFree(context); }
};
using Context = std::unique_ptr<redisContext, ContextDelete>;

class RedisServer {
public:
    RedisServer() {
        std::filesystem::create_directory(dir_);
        pid_ = fork();
        if (pid_ == 0) {
            execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket().c_str(), "--dir",
                   dir_.c_str(), "--save", "", "--appendonly", "no", "--logfile", "redis.log", nullptr);
            _exit(127);
        }
    }
    RedisServer(const RedisServer &) = delete;
    RedisServer &operator=(const RedisServer &) = delete;
    ~RedisServer() {
        if (pid_ > 0) {
            kill(pid_, SIGTERM);
            waitpid(pid_, nullptr, 0);
        }
        std::filesystem::remove_all(dir_);
    }

    /// Waits until the server answers; nullptr after ten seconds.
    Context connect() const {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (std::chrono::steady_clock::now() < deadline) {
            Context context{redisConnectUnix(socket().c_str())};
            if (context != nullptr && context->err == 0) {
                return context;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));  // between polls
        }
        return nullptr;
    }

private:
    std::string socket() const { return (dir_ / "redis.sock").string(); }

    std::filesystem::path dir_ =
        std::filesystem::temp_directory_path() / ("nexus-redis-" + crypto::random_uuid());
    pid_t pid_ = -1;
};

class WriteRecordScript : public testing::Test {
protected:
    static void SetUpTestSuite() { server_ = std::make_unique<RedisServer>(); }
    static void TearDownTestSuite() { server_.reset(); }

    void SetUp() override {
        redis_ = server_->connect();
        ASSERT_NE(redis_, nullptr) << "redis-server did not start";
        command({"FLUSHALL"});
    }

    Reply command(const std::vector<std::string> &words) {
        std::vector<const char *> argv;
        std::vector<size_t> lengths;
        for (const std::string &word : words) {
            argv.push_back(word.data());
            lengths.push_back(word.size());
        }
        return Reply{static_cast<redisReply *>(
            redisCommandArgv(redis_.get(), static_cast<int>(argv.size()), argv.data(), lengths.data()))};
    }

    std::string record_of(uint64_t generation) {
        record::TokenRecord token = tests::sample_token();
        token.generation = generation;
        return record::seal_token(keyring_, token).value();
    }

    Reply write(uint64_t generation, const std::string &record) {
        return command({"EVAL", std::string{kWriteRecordScript}, "1", key_, std::to_string(generation),
                        record, "60000", to_json({EventKind::kToken, tests::kConnectionId, generation}),
                        std::string{kEventChannel}});
    }

    std::string stored() {
        const Reply reply = command({"GET", key_});
        return reply->type == REDIS_REPLY_STRING ? std::string{reply->str, reply->len} : std::string{};
    }

    static std::unique_ptr<RedisServer> server_;
    Context redis_;
    crypto::Keyring keyring_ = tests::keyring(tests::key_text('a'));
    std::string key_ = token_key(tests::kConnectionId);
};

std::unique_ptr<RedisServer> WriteRecordScript::server_;

void expect_integer(const Reply &reply, long long value) {
    ASSERT_NE(reply, nullptr);
    ASSERT_EQ(reply->type, REDIS_REPLY_INTEGER) << (reply->str != nullptr ? reply->str : "");
    EXPECT_EQ(reply->integer, value);
}

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
    const Context subscriber = server_->connect();
    Reply subscribed{
        static_cast<redisReply *>(redisCommand(subscriber.get(), "SUBSCRIBE %s", kEventChannel.data()))};
    ASSERT_NE(subscribed, nullptr);
    expect_integer(write(5, record_of(5)), 1);
    expect_integer(write(4, record_of(4)), 0);
    expect_integer(write(6, record_of(6)), 1);

    const timeval limit{5, 0};
    redisSetTimeout(subscriber.get(), limit);
    for (const uint64_t generation : {5, 6}) {
        void *raw = nullptr;
        ASSERT_EQ(redisGetReply(subscriber.get(), &raw), REDIS_OK);
        const Reply message{static_cast<redisReply *>(raw)};
        ASSERT_EQ(message->elements, 3u);
        const Event event = parse_event({message->element[2]->str, message->element[2]->len}).value();
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

}  // namespace
}  // namespace nexus::redis
