#include <chrono>
#include <thread>

#include "control_plane/metrics/metrics.h"
#include "tests/unit/control_plane/cache/fixture.h"

namespace nexus::control {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

using RedisWriterTest = CacheTest;

TEST_F(RedisWriterTest, WritesSealedRecordsWithALifetimeAndAnEvent) {
    test::RedisProbe subscriber(redis_.socket_path());
    subscriber.ask({"SUBSCRIBE", std::string(redis::kEventChannel)});
    ASSERT_EQ(*writer()->write_token(token(7)), WriteOutcome::kWritten);

    const std::string key = redis::token_key(kId);
    test::RedisProbe probe(redis_.socket_path());
    const std::string sealed = probe.ask({"GET", key}).text;
    EXPECT_EQ(sealed.find("hunter2"), std::string::npos);
    const Result<Secret> opened = stored(key);
    ASSERT_TRUE(opened);
    const record::Header header = *record::parse_header(sealed);
    const record::TokenView view = *record::TokenView::parse(header, opened->view());
    EXPECT_EQ(view.credential("access_token"), "hunter2");
    const long long lifetime = probe.ask({"PTTL", key}).integer;
    EXPECT_GT(lifetime, 50000);
    EXPECT_LE(lifetime, 60000);
    const auto message = subscriber.next();
    ASSERT_EQ(message.elements.size(), 3u);
    const redis::Event event = *redis::parse_event(message.elements[2]);
    EXPECT_EQ(event.id, kId);
    EXPECT_EQ(event.generation, 7u);
}

TEST_F(RedisWriterTest, AnOlderGenerationIsRefused) {
    const auto own = writer();
    ASSERT_EQ(*own->write_token(token(7)), WriteOutcome::kWritten);
    EXPECT_EQ(*own->write_token(token(6)), WriteOutcome::kRefused);
    EXPECT_EQ(*own->write_token(token(7)), WriteOutcome::kWritten);
    EXPECT_EQ(stored_generation(), 7u);
}

TEST_F(RedisWriterTest, AnExpiredTokenIsNotWritten) {
    record::TokenRecord late = token(1);
    late.expires_at = 1000;
    EXPECT_EQ(*writer()->write_token(late), WriteOutcome::kExpired);
    EXPECT_EQ(stored_generation(), 0u);
}

TEST_F(RedisWriterTest, WritesCallers) {
    record::CallerRecord caller;
    caller.agent_id = kId;
    caller.workspace_id = "ws";
    caller.name = "mailer";
    caller.key_id = "abcdefghijklmnop";
    caller.key_sha256 = std::string(64, 'a');
    caller.generation = 3;
    ASSERT_EQ(*writer()->write_caller(caller), WriteOutcome::kWritten);
    EXPECT_TRUE(stored(redis::caller_key(caller.key_sha256)));
}

TEST_F(RedisWriterTest, LearnsItsScriptAnewAfterAFlush) {
    const auto own = writer();
    ASSERT_TRUE(own->write_token(token(1)));
    test::RedisProbe(redis_.socket_path()).ask({"SCRIPT", "FLUSH"});
    EXPECT_EQ(*own->write_token(token(2)), WriteOutcome::kWritten);
}

TEST_F(RedisWriterTest, ARestartIsNoticedAtTheFirstTry) {
    const auto own = writer();
    ASSERT_TRUE(own->ping());
    redis_.stop();
    redis_.start();
    EXPECT_EQ(*own->write_token(token(1)), WriteOutcome::kWritten);
}

TEST_F(RedisWriterTest, AfterARestartWhatWasWrittenLatelyIsDoubtful) {
    RedisOptions options;
    options.look_every = 0ms;
    const auto own = writer(options);
    ASSERT_TRUE(own->write_token(token(1)));
    ASSERT_TRUE(own->write_token(token(2)));
    ASSERT_EQ(*own->write_token(token(1)), WriteOutcome::kRefused);
    EXPECT_THAT(own->look_for_losses(), testing::IsEmpty());
    redis_.stop();
    EXPECT_THAT(own->look_for_losses(), testing::IsEmpty()) << "not yet: there is nowhere to write it to";
    redis_.start();
    std::this_thread::sleep_for(RedisOptions{}.retry_after);
    EXPECT_THAT(own->look_for_losses(), testing::ElementsAre(CacheKey{redis::EventKind::kToken, kId}));
    EXPECT_THAT(own->look_for_losses(), testing::IsEmpty()) << "it is told once";
}

constexpr auto kWrite = [](const char *id) { return CacheKey{redis::EventKind::kToken, id}; };

TEST(RecentWrites, AreKeptForAMinuteAndOnce) {
    const resp::HostPort server{"one", 1};
    const SteadyClock::time_point start{};
    RecentWrites recent;
    recent.note(server, kWrite("c"), start);
    recent.note(server, kWrite("b"), start + 10s);
    recent.note(server, kWrite("a"), start + 30s);
    recent.note(server, kWrite("b"), start + 50s);
    recent.answered(server, start + 70s);
    EXPECT_THAT(recent.take(), testing::ElementsAre(kWrite("a"), kWrite("b")));
    EXPECT_THAT(recent.take(), testing::IsEmpty());
    recent.note(server, kWrite("b"), start + 70s);
    for (size_t i = 0; i < RecentWrites::kMost; ++i) {
        recent.note(server, kWrite("c"), start + 71s);
    }
    EXPECT_THAT(recent.take(), testing::ElementsAre(kWrite("c"))) << "the oldest have gone";
}

TEST(RecentWrites, TheMinuteIsCountedBackFromTheLastAnswerOfTheirServer) {
    const resp::HostPort lost{"lost", 1};
    const resp::HostPort well{"well", 1};
    const SteadyClock::time_point start{};
    RecentWrites recent;
    recent.note(lost, kWrite("a"), start);
    recent.note(well, kWrite("b"), start);
    recent.note(well, kWrite("c"), start + 10min);
    EXPECT_THAT(recent.take(), testing::ElementsAre(kWrite("a"), kWrite("c")));
    recent.note(lost, kWrite("a"), start + 10min);
    for (size_t i = 0; i < RecentWrites::kMost; ++i) {
        recent.note(well, kWrite("c"), start + 11min);
    }
    EXPECT_THAT(recent.take(), testing::ElementsAre(kWrite("c"))) << "the bound is on all of them together";
}

TEST_F(RedisWriterTest, AWriteThatComesBeforeTheLookForgetsNothingOfWhatIsDoubtful) {
    RedisOptions options;
    options.look_every = 0ms;
    const auto own = writer(options);
    ASSERT_TRUE(own->write_token(token(1)));
    redis_.stop();
    redis_.start();
    std::string other = kId;
    other.replace(0, 1, "7");
    ASSERT_TRUE(own->write_token(token(1, other)));
    EXPECT_THAT(own->look_for_losses(), testing::ElementsAre(CacheKey{redis::EventKind::kToken, kId}));
}

TEST_F(RedisWriterTest, FailsFastWhileRedisIsAway) {
    RedisOptions options;
    options.retry_after = 60s;
    const auto own = writer(options);
    redis_.stop();
    const Result<WriteOutcome> first = own->write_token(token(1));
    ASSERT_FALSE(first);
    EXPECT_EQ(first.error().errc, Errc::kCacheUnavailable);
    redis_.start();
    EXPECT_FALSE(own->ping());  // within retry_after it does not even try
}

TEST_F(RedisWriterTest, AStoppedRedisCostsOneTimeout) {
    RedisOptions options;
    options.command_timeout = 200ms;
    const auto own = writer(options);
    ASSERT_TRUE(own->ping());
    redis_.signal(SIGSTOP);
    const auto started = SteadyClock::now();
    EXPECT_FALSE(own->write_token(token(1)));
    EXPECT_FALSE(own->write_token(token(1)));
    EXPECT_LT(SteadyClock::now() - started, 700ms);
    redis_.signal(SIGCONT);
}

TEST_F(RedisWriterTest, LogsInAndSelects) {
    test::RedisServer guarded("hunter2");
    RedisTarget with_password;
    with_password.unix_path = guarded.socket_path();
    with_password.database = 3;
    RedisWriter stranger(with_password, keys_, [] { return UnixMs{1000}; });
    const Result<WriteOutcome> refused = stranger.write_token(token(1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().errc, Errc::kCacheUnavailable);
    with_password.login.password = Secret(std::string_view("wrong"));
    RedisWriter wrong(with_password, keys_, [] { return UnixMs{1000}; });
    EXPECT_FALSE(wrong.write_token(token(1)));
    with_password.login.password = Secret(std::string_view("hunter2"));
    RedisWriter right(with_password, keys_, [] { return UnixMs{1000}; });
    ASSERT_TRUE(right.write_token(token(1)));
    test::RedisProbe probe(guarded.socket_path(), "hunter2");
    EXPECT_EQ(probe.ask({"EXISTS", redis::token_key(kId)}).integer, 0);
    probe.ask({"SELECT", "3"});
    EXPECT_EQ(probe.ask({"EXISTS", redis::token_key(kId)}).integer, 1);
}

}  // namespace
}  // namespace nexus::control
