// A real redis-server on a Unix socket in a folder of its own, for tests of the scripts that run in it.
#pragma once

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shared/crypto/random.h"
#include "shared/redis/keys.h"
#include "tests/unit/shared/record/samples.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::redis::tests_of_scripts {

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

/// One server for all tests of a suite, emptied before each.
class ScriptTest : public testing::Test {
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

    /// A second connection that listens to the events.
    Context subscribe() {
        Context context = server_->connect();
        Reply subscribed{
            static_cast<redisReply *>(redisCommand(context.get(), "SUBSCRIBE %s", kEventChannel.data()))};
        EXPECT_NE(subscribed, nullptr);
        const timeval limit{5, 0};
        redisSetTimeout(context.get(), limit);
        return context;
    }

    static Event next_event(const Context &subscriber) {
        void *raw = nullptr;
        EXPECT_EQ(redisGetReply(subscriber.get(), &raw), REDIS_OK);
        const Reply message{static_cast<redisReply *>(raw)};
        EXPECT_EQ(message->elements, 3u);
        return parse_event({message->element[2]->str, message->element[2]->len}).value();
    }

    std::string record_of(uint64_t generation) {
        record::TokenRecord token = tests::sample_token();
        token.generation = generation;
        return record::seal_token(keyring_, token).value();
    }

    std::string stored() {
        const Reply reply = command({"GET", key_});
        return reply->type == REDIS_REPLY_STRING ? std::string{reply->str, reply->len} : std::string{};
    }

    static inline std::unique_ptr<RedisServer> server_;
    Context redis_;
    crypto::Keyring keyring_ = tests::keyring(tests::key_text('a'));
    std::string key_ = token_key(tests::kConnectionId);
};

inline void expect_integer(const Reply &reply, long long value) {
    ASSERT_NE(reply, nullptr);
    ASSERT_EQ(reply->type, REDIS_REPLY_INTEGER) << (reply->str != nullptr ? reply->str : "");
    EXPECT_EQ(reply->integer, value);
}

}  // namespace nexus::redis::tests_of_scripts
