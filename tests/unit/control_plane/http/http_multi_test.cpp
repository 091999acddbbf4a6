#include "control_plane/http/http_multi.h"

#include <curl/curl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "control_plane/metrics/metrics.h"
#include "tests/unit/control_plane/http/connection_server.h"
#include "tests/unit/control_plane/http/nginx_server.h"

namespace nexus::control {
namespace {

using namespace std::chrono_literals;
using test::ConnectionServer;
using Reply = ConnectionServer::Reply;
using Then = Reply::Then;

HttpClientOptions options(std::chrono::milliseconds total = 20s) {
    HttpClientOptions made;
    made.allowed_private = *net::parse_cidr_list("127.0.0.0/8,::1/128");
    made.total_timeout = total;
    return made;
}

HttpRequest get(const std::string &url) {
    HttpRequest request;
    request.url = url;
    return request;
}

Reply ok(int, int) {
    return {ConnectionServer::ok()};
}

Reply stall(int, int) {
    return {"", Then::kStall};
}

/// Collects what the requests of a test came to.
class Answers {
public:
    HttpMulti::Done done() {
        return [this](Result<HttpResponse> response) {
            const std::scoped_lock lock(mutex_);
            threads_.insert(std::this_thread::get_id());
            results_.push_back(std::move(response));
            came_.notify_all();
        };
    }
    /// The results so far, once there are so many; fails the test after 20 s.
    std::vector<Result<HttpResponse>> wait_for(size_t count) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(came_.wait_for(lock, 20s, [&] { return results_.size() >= count; }))
            << results_.size() << " of " << count;
        return std::exchange(results_, {});
    }
    size_t size() const {
        const std::scoped_lock lock(mutex_);
        return results_.size();
    }
    std::set<std::thread::id> threads() const {
        const std::scoped_lock lock(mutex_);
        return threads_;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable came_;
    std::vector<Result<HttpResponse>> results_;
    std::set<std::thread::id> threads_;
};

size_t count_of(const std::vector<Result<HttpResponse>> &results, Errc errc) {
    return static_cast<size_t>(std::ranges::count_if(
        results, [&](const auto &result) { return !result && result.error().errc == errc; }));
}

size_t count_ok(const std::vector<Result<HttpResponse>> &results) {
    return static_cast<size_t>(
        std::ranges::count_if(results, [](const auto &result) { return result && result->status == 200; }));
}

void wait_until(const std::function<bool()> &holds) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!holds()) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        std::this_thread::sleep_for(1ms);
    }
}

TEST(HttpMulti, ManyRequestsOneThread) {
    ConnectionServer server(ok);
    Answers answers;
    Metrics metrics;
    {
        HttpMulti client(options(), &metrics, 64);
        for (int i = 0; i < 500; ++i) {
            client.send(get(server.url()), answers.done());
        }
        EXPECT_EQ(count_ok(answers.wait_for(500)), 500u);
        EXPECT_EQ(client.in_flight(), 0u);
    }
    EXPECT_EQ(server.requests(), 500);
    EXPECT_LE(server.accepted(), 64) << "connections are kept";
    EXPECT_EQ(answers.threads().size(), 1u);
    EXPECT_FALSE(answers.threads().contains(std::this_thread::get_id()));
    EXPECT_THAT(metrics.render(),
                testing::HasSubstr("nexus_egress_requests_total{provider=\"none\",result=\"ok\"} 500"));
}

// What a process that was stopped finds in its hands when it goes on is too old to be sent.
TEST(HttpMulti, WhatIsTooLateIsNotSent) {
    ConnectionServer server(ok);
    Answers answers;
    {
        HttpMulti client(options());
        client.send(
            get(server.url()),
            [done = answers.done()](Result<HttpResponse> response) {
                EXPECT_EQ(response.error().errc, Errc::kProviderUnavailable) << "nothing was sent";
                done(std::move(response));
            },
            std::chrono::milliseconds(0));
        EXPECT_EQ(count_ok(answers.wait_for(1)), 0u);
    }
    EXPECT_EQ(server.requests(), 0);
}

TEST(HttpMulti, SendersMayBeMany) {
    ConnectionServer server(ok);
    Answers answers;
    HttpMulti client(options(), nullptr, 16);
    std::vector<std::thread> senders;
    for (int i = 0; i < 4; ++i) {
        senders.emplace_back([&] {
            for (int k = 0; k < 50; ++k) {
                client.send(get(server.url()), answers.done());
            }
        });
    }
    for (std::thread &sender : senders) {
        sender.join();
    }
    EXPECT_EQ(count_ok(answers.wait_for(200)), 200u);
}

TEST(HttpMulti, ASlowAnswerKeepsNobodyElseWaiting) {
    ConnectionServer slow(stall);
    ConnectionServer quick(ok);
    Answers slow_answers;
    Answers answers;
    HttpMulti client(options());
    for (int i = 0; i < 20; ++i) {
        client.send(get(slow.url()), slow_answers.done());
    }
    client.send(get(quick.url()), answers.done());
    EXPECT_EQ(count_ok(answers.wait_for(1)), 1u);
    EXPECT_EQ(slow_answers.size(), 0u);
}

// As the blocking client (docs/decisions/0014).
TEST(HttpMulti, OnlyAPeerThatIsTheHostKeepsItsConnection) {
    ConnectionServer server(ok);
    Answers answers;
    HttpMulti client(options());
    for (int i = 0; i < 2; ++i) {
        client.send(get(server.url()), answers.done());
        EXPECT_EQ(count_ok(answers.wait_for(1)), 1u);
    }
    EXPECT_EQ(server.accepted(), 1);
    for (int i = 0; i < 2; ++i) {
        client.send(get("http://localhost:" + std::to_string(server.port()) + "/"), answers.done());
        EXPECT_EQ(count_ok(answers.wait_for(1)), 1u);
    }
    EXPECT_EQ(server.accepted(), 3);
}

TEST(HttpMulti, NamesAreResolvedElsewhere) {
    EXPECT_NE(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS, 0);
}

TEST(HttpMulti, ManyRequestsOneConnectionOverHttp2) {
    const test::NginxServer server;
    HttpClientOptions made = options();
    made.ca_file = server.ca_file();
    Answers answers;
    {
        HttpMulti client(made);
        client.send(get(server.url()), answers.done());
        ASSERT_EQ(count_ok(answers.wait_for(1)), 1u);
        for (int i = 0; i < 80; ++i) {
            client.send(get(server.url()), answers.done());
        }
        EXPECT_EQ(count_ok(answers.wait_for(80)), 80u);
    }
    std::set<std::string> connections;
    for (const test::NginxServer::Seen &seen : server.seen()) {
        EXPECT_EQ(seen.protocol, "HTTP/2.0");
        connections.insert(seen.connection);
    }
    EXPECT_EQ(connections.size(), 1u);
}

TEST(HttpMulti, ASingleShotHasAConnectionThatNobodyUsedBefore) {
    const test::NginxServer server;
    HttpClientOptions made = options();
    made.ca_file = server.ca_file();
    Answers answers;
    HttpMulti client(made);
    client.send(get(server.url()), answers.done());
    ASSERT_EQ(count_ok(answers.wait_for(1)), 1u);
    for (int i = 0; i < 10; ++i) {
        HttpRequest request = get(server.url());
        request.is_single_shot = true;
        client.send(std::move(request), answers.done());
    }
    EXPECT_EQ(count_ok(answers.wait_for(10)), 10u);
    std::map<std::string, int> uses;
    wait_until([&] { return server.seen().size() == 11; });
    for (const test::NginxServer::Seen &seen : server.seen()) {
        uses[seen.connection] += 1;
    }
    EXPECT_EQ(uses.size(), 11u);
}

// nginx ends a connection after so many requests: those that it did not take are asked again elsewhere.
TEST(HttpMulti, AConnectionThatTheServerEndsIsReplaced) {
    const test::NginxServer server(7);
    HttpClientOptions made = options();
    made.ca_file = server.ca_file();
    Answers answers;
    HttpMulti client(made, nullptr, 16);
    for (int i = 0; i < 200; ++i) {
        client.send(get(server.url()), answers.done());
    }
    const auto results = answers.wait_for(200);
    EXPECT_EQ(count_ok(results), 200u);
    for (const auto &result : results) {
        if (!result) {
            ADD_FAILURE() << result.error().detail;
        }
    }
}

// A process that hangs still has its kernel acknowledge what is sent.
TEST(HttpMulti, AConnectionOnWhichNobodyIsAnsweredIsGivenUp) {
    const test::NginxServer server;
    HttpClientOptions made = options();
    made.ca_file = server.ca_file();
    Answers answers;
    HttpMulti client(made, nullptr, 16, 16, 300ms);
    const auto ask = [&](std::chrono::milliseconds timeout) {
        HttpRequest request = get(server.url());
        request.total_timeout = timeout;
        client.send(std::move(request), answers.done());
        return answers.wait_for(1);
    };
    EXPECT_EQ(count_ok(ask(10s)), 1u);
    server.signal(SIGSTOP);
    EXPECT_EQ(count_of(ask(100ms), Errc::kProviderSilent), 1u);
    EXPECT_EQ(count_of(ask(400ms), Errc::kProviderSilent), 1u);
    EXPECT_EQ(count_of(ask(100ms), Errc::kProviderUnavailable), 1u) << "a new one, without a handshake";
    server.signal(SIGCONT);
    EXPECT_EQ(count_ok(ask(10s)), 1u);
}

TEST(HttpMulti, AClientCertificatesConnectionIsItsOwn) {
    const test::NginxServer server;
    HttpClientOptions made = options();
    made.ca_file = server.ca_file();
    Answers answers;
    HttpMulti client(made);
    const auto ask = [&](bool with_certificate) {
        HttpRequest request = get(server.url());
        if (with_certificate) {
            request.client_certificate = Secret(server.client_certificate());
        }
        client.send(std::move(request), answers.done());
        ASSERT_EQ(count_ok(answers.wait_for(1)), 1u);
    };
    for (const bool with_certificate : {false, true, false, true, false}) {
        ask(with_certificate);
    }
    wait_until([&] { return server.seen().size() == 5; });
    const std::vector<test::NginxServer::Seen> seen = server.seen();
    std::set<std::string> anonymous;
    std::set<std::string> certified;
    for (size_t i = 0; i < seen.size(); ++i) {
        EXPECT_EQ(seen[i].client, i % 2 == 1 ? "CN=localhost" : "-");
        (i % 2 == 1 ? certified : anonymous).insert(seen[i].connection);
    }
    EXPECT_EQ(anonymous.size(), 1u);
    EXPECT_EQ(certified.size(), 2u);
}

TEST(HttpMulti, WhatIsOutstandingAtTheEndIsToldSoOnce) {
    ConnectionServer server(stall);
    Answers answers;
    {
        HttpMulti client(options(), nullptr, 20, 10);
        for (int i = 0; i < 30; ++i) {
            client.send(get(server.url()), answers.done());
        }
        EXPECT_EQ(client.in_flight(), 30u);
        wait_until([&] { return server.requests() == 20; });
    }
    const auto results = answers.wait_for(30);
    EXPECT_EQ(results.size(), 30u);
    EXPECT_EQ(count_of(results, Errc::kProviderSilent), 20u);
    EXPECT_EQ(count_of(results, Errc::kProviderUnavailable), 10u);
}

TEST(HttpMulti, NothingIsTakenAfterTheEnd) {
    ConnectionServer server(ok);
    Answers answers;
    HttpMulti client(options());
    client.stop();
    client.send(get(server.url()), answers.done());
    EXPECT_EQ(count_of(answers.wait_for(1), Errc::kOverloaded), 1u);
    EXPECT_EQ(server.accepted(), 0);
}

TEST(HttpMulti, MoreThanMayWaitIsRefusedAtOnce) {
    ConnectionServer server(stall);
    Answers accepted;
    Answers refused;
    HttpMulti client(options(), nullptr, 2, 3);
    for (int i = 0; i < 5; ++i) {
        client.send(get(server.url()), accepted.done());
    }
    client.send(get(server.url()), refused.done());
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_EQ(refused.threads(), std::set{std::this_thread::get_id()});
    EXPECT_EQ(count_of(refused.wait_for(1), Errc::kOverloaded), 1u);
    wait_until([&] { return server.requests() == 2; });
    EXPECT_EQ(accepted.size(), 0u);
    EXPECT_EQ(client.in_flight(), 5u);
}

TEST(HttpMulti, TheTimeoutCountsWhileARequestWaits) {
    ConnectionServer server(stall);
    Answers first;
    Answers second;
    HttpMulti client(options(), nullptr, 1);
    client.send(get(server.url()), first.done());
    HttpRequest request = get(server.url());
    request.total_timeout = 100ms;
    client.send(std::move(request), second.done());
    EXPECT_EQ(count_of(second.wait_for(1), Errc::kProviderUnavailable), 1u);
    EXPECT_EQ(first.size(), 0u);
}

TEST(HttpMulti, DoneMaySendTheNext) {
    ConnectionServer server(ok);
    Answers answers;
    HttpMulti client(options(), nullptr, 1, 0);
    client.send(get(server.url()), [&](const Result<HttpResponse> &response) {
        EXPECT_TRUE(response);
        client.send(get(server.url()), answers.done());
    });
    EXPECT_EQ(count_ok(answers.wait_for(1)), 1u);
}

TEST(HttpMulti, WhatDoneThrowsIsDropped) {
    ConnectionServer server(ok);
    Answers answers;
    HttpMulti client(options());
    client.send(get(server.url()), [](const Result<HttpResponse> &) { throw std::runtime_error("no"); });
    client.send(get(server.url()), [](const Result<HttpResponse> &) { throw 1; });
    client.send(get(server.url()), answers.done());
    EXPECT_EQ(count_ok(answers.wait_for(1)), 1u);
}

TEST(HttpMulti, WhatMayNotBeSentIsNotSent) {
    ConnectionServer server(ok);
    Answers answers;
    HttpClientOptions made = options();
    made.allowed_private = *net::parse_cidr_list("10.0.0.0/8");
    HttpMulti client(made);
    client.send(get(server.url()), answers.done());
    client.send(get("https://localhost:" + std::to_string(server.port()) + "/"), answers.done());
    client.send(get("ftp://127.0.0.1/"), answers.done());
    EXPECT_EQ(count_of(answers.wait_for(3), Errc::kEgressDenied), 3u);
    HttpRequest request = get("https://192.0.2.1/");
    request.headers.emplace_back("Host", "x");
    client.send(std::move(request), answers.done());
    EXPECT_EQ(answers.wait_for(1).size(), 1u);
    EXPECT_EQ(server.accepted(), 0);
}

}  // namespace
}  // namespace nexus::control
