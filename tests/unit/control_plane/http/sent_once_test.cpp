// What was sent, how often, and what is known of it when no answer comes: the same rules for every client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <chrono>
#include <future>
#include <memory>
#include <tuple>

#include "control_plane/http/http_client.h"
#include "control_plane/http/http_multi.h"
#include "control_plane/http/transfer.h"
#include "tests/unit/control_plane/http/connection_server.h"
#include "tests/unit/control_plane/http/scripted_server.h"

namespace nexus::control {
namespace {

using namespace std::chrono_literals;
using test::ConnectionServer;
using Reply = ConnectionServer::Reply;
using Then = Reply::Then;

HttpClientOptions options(std::chrono::milliseconds total = 5s) {
    HttpClientOptions made;
    made.allowed_private = *net::parse_cidr_list("127.0.0.1/32");
    made.total_timeout = total;
    return made;
}

HttpRequest redemption(const std::string &url, bool is_single_shot = true) {
    HttpRequest request;
    request.method = "POST";
    request.url = url;
    request.form.emplace();
    request.form->push_back({"refresh_token", Secret(std::string_view("r1"))});
    request.is_single_shot = is_single_shot;
    return request;
}

/// One of the clients, as something that is asked and answers.
class AnyClient {
public:
    virtual ~AnyClient() = default;
    virtual Result<HttpResponse> send(HttpRequest request) = 0;
};

class Blocking : public AnyClient {
public:
    explicit Blocking(HttpClientOptions made) : client_(std::move(made)) {}
    Result<HttpResponse> send(HttpRequest request) override { return client_.send(request); }

private:
    HttpClient client_;
};

class Multi : public AnyClient {
public:
    explicit Multi(HttpClientOptions made) : client_(std::move(made)) {}
    Result<HttpResponse> send(HttpRequest request) override {
        std::promise<Result<HttpResponse>> answer;
        client_.send(std::move(request),
                     [&](Result<HttpResponse> response) { answer.set_value(std::move(response)); });
        return answer.get_future().get();
    }

private:
    HttpMulti client_;
};

std::unique_ptr<AnyClient> make_client(const std::string &name, HttpClientOptions made) {
    if (name == "HttpMulti") {
        return std::make_unique<Multi>(std::move(made));
    }
    return std::make_unique<Blocking>(std::move(made));
}

class SentOnceTest : public testing::TestWithParam<const char *> {
protected:
    static std::unique_ptr<AnyClient> client(HttpClientOptions made = options()) {
        return make_client(GetParam(), std::move(made));
    }
};

INSTANTIATE_TEST_SUITE_P(Clients, SentOnceTest, testing::Values("HttpClient", "HttpMulti"),
                         [](const auto &test) { return std::string{test.param}; });

// The second request of each connection is read, and the connection closed.
Reply one_answer(int, int request) {
    return request == 1 ? Reply{ConnectionServer::ok()} : Reply{"", Then::kClose};
}

TEST_P(SentOnceTest, AKeptConnectionThatIsCutIsTriedAgain) {
    ConnectionServer server(one_answer);
    const auto asked = client();
    ASSERT_TRUE(asked->send(redemption(server.url(), false)));
    ASSERT_TRUE(asked->send(redemption(server.url(), false)));
    EXPECT_EQ(server.accepted(), 2);
    EXPECT_EQ(server.requests(), 3) << "libcurl sends again what a kept connection did not answer";
}

TEST_P(SentOnceTest, ASingleShotTakesNoKeptConnection) {
    ConnectionServer server(one_answer);
    const auto asked = client();
    ASSERT_TRUE(asked->send(redemption(server.url(), false)));
    ASSERT_TRUE(asked->send(redemption(server.url())));
    EXPECT_EQ(server.accepted(), 2);
    EXPECT_EQ(server.requests(), 2);
}

TEST_P(SentOnceTest, ASingleShotsConnectionIsKeptForOthers) {
    ConnectionServer server([](int, int) { return Reply{ConnectionServer::ok()}; });
    const auto asked = client();
    ASSERT_TRUE(asked->send(redemption(server.url())));
    ASSERT_TRUE(asked->send(redemption(server.url(), false)));
    EXPECT_EQ(server.accepted(), 1);
}

TEST_P(SentOnceTest, ASingleShotThatIsCutIsNotTriedAgain) {
    ConnectionServer server([](int, int) { return Reply{"", Then::kClose}; });
    const Result<HttpResponse> response = client()->send(redemption(server.url()));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().errc, Errc::kProviderSilent);
    EXPECT_EQ(server.requests(), 1);
}

// HTTP/2 refuses streams (RFC 9113 section 8.7), and libcurl would ask again over any connection.
TEST(SingleShot, IsNotBegunTwice) {
    const EgressGuard guard(*net::parse_cidr_list("127.0.0.1/32"));
    Transfer transfer;
    transfer.guard = &guard;
    std::string peer = "127.0.0.1";
    transfer.is_single_shot = true;
    EXPECT_EQ(on_connected(&transfer, peer.data(), nullptr, 0, 0), CURL_PREREQFUNC_OK);
    EXPECT_EQ(on_connected(&transfer, peer.data(), nullptr, 0, 0), CURL_PREREQFUNC_ABORT);
    transfer.is_single_shot = false;
    EXPECT_EQ(on_connected(&transfer, peer.data(), nullptr, 0, 0), CURL_PREREQFUNC_OK);
}

TEST(OpenedSocket, EndsWhenNobodyAcknowledges) {
    const EgressGuard guard(*net::parse_cidr_list("127.0.0.1/32"));
    Transfer transfer;
    transfer.guard = &guard;
    curl_sockaddr address{AF_INET, SOCK_STREAM, 0, sizeof(sockaddr_in), {}};
    auto *loopback = reinterpret_cast<sockaddr_in *>(&address.addr);
    loopback->sin_family = AF_INET;
    loopback->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int opened = on_open_socket(&transfer, CURLSOCKTYPE_IPCXN, &address);
    ASSERT_GE(opened, 0);
    unsigned limit_ms = 0;
    socklen_t size = sizeof limit_ms;
    EXPECT_EQ(::getsockopt(opened, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, &size), 0);
    EXPECT_EQ(limit_ms, 5000u);
    ::close(opened);
}

struct Silence {
    const char *name;
    Reply reply;
};

class SilenceTest : public testing::TestWithParam<std::tuple<const char *, Silence>> {};

INSTANTIATE_TEST_SUITE_P(
    Answers, SilenceTest,
    testing::Combine(
        testing::Values("HttpClient", "HttpMulti"),
        testing::Values(
            Silence{"CutBeforeAnyByte", {"", Then::kClose}},
            Silence{"CutInTheStatusLine", {"HTTP/1.1 20", Then::kClose}},
            Silence{"CutInTheHead", {"HTTP/1.1 200 OK\r\nContent-Le", Then::kClose}},
            Silence{"CutBeforeTheBlankLine", {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", Then::kClose}},
            Silence{"CutAfterAnInterimHead", {"HTTP/1.1 100 Continue\r\n\r\n", Then::kClose}},
            Silence{"CutInTheHeadAfterAnInterimOne",
                    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n", Then::kClose}},
            Silence{"CutBeforeTheBody", {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Then::kClose}},
            Silence{"CutInTheBody", {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", Then::kClose}},
            Silence{"CutInAChunk",
                    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", Then::kClose}},
            Silence{"CutBeforeTheLastChunk",
                    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", Then::kClose}},
            Silence{"NoHttp", {"+OK POP3 server ready\r\n", Then::kClose}},
            Silence{"TooLarge",
                    {"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(2'000'000, 'x')}},
            Silence{"StallsBeforeAnyByte", {"", Then::kStall}},
            Silence{"StallsInTheHead", {"HTTP/1.1 200 OK\r\nContent-Le", Then::kStall}},
            Silence{"StallsInTheBody", {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", Then::kStall}})),
    [](const auto &test) { return std::string(std::get<0>(test.param)) + std::get<1>(test.param).name; });

TEST_P(SilenceTest, IsNoUnavailability) {
    const auto &[name, silence] = GetParam();
    ConnectionServer server([&reply = silence.reply](int, int) { return reply; });
    for (const bool is_single_shot : {true, false}) {
        const Result<HttpResponse> response =
            make_client(name, options(400ms))->send(redemption(server.url(), is_single_shot));
        ASSERT_FALSE(response) << response->status;
        EXPECT_EQ(response.error().errc, Errc::kProviderSilent) << response.error().detail;
    }
    EXPECT_EQ(server.requests(), 2);
}

TEST_P(SentOnceTest, ARefusedConnectionHasSentNothing) {
    std::string url;
    {
        const test::ScriptedServer gone("x");
        url = gone.url();
    }
    EXPECT_EQ(client()->send(redemption(url)).error().errc, Errc::kProviderUnavailable);
}

TEST_P(SentOnceTest, AHandshakeThatFailsOrStallsHasSentNothing) {
    const test::ScriptedServer no_tls("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    const std::string url = "https://127.0.0.1:" + std::to_string(no_tls.port()) + "/";
    EXPECT_EQ(client()->send(redemption(url)).error().errc, Errc::kProviderUnavailable);
    const test::ScriptedServer silent("");
    const std::string silent_url = "https://127.0.0.1:" + std::to_string(silent.port()) + "/";
    EXPECT_EQ(client(options(200ms))->send(redemption(silent_url)).error().errc, Errc::kProviderUnavailable);
}

TEST_P(SentOnceTest, ADeniedAddressHasSentNothing) {
    const test::ScriptedServer server("x");
    HttpClientOptions made = options();
    made.allowed_private = *net::parse_cidr_list("10.0.0.0/8");
    EXPECT_EQ(client(made)->send(redemption(server.url())).error().errc, Errc::kEgressDenied);
    const std::string named = "http://localhost.:" + std::to_string(server.port()) + "/";
    const Result<HttpResponse> by_name = client(made)->send(redemption(named));
    ASSERT_FALSE(by_name);
    EXPECT_NE(by_name.error().errc, Errc::kProviderSilent);
    EXPECT_EQ(server.accepted(), 0);
}

TEST_P(SentOnceTest, ARequestsOwnTimeoutIsTheShorterOne) {
    ConnectionServer server([](int, int) { return Reply{"", Then::kStall}; });
    HttpRequest request = redemption(server.url());
    request.total_timeout = 150ms;
    const auto started = std::chrono::steady_clock::now();
    EXPECT_EQ(client(options(20s))->send(std::move(request)).error().errc, Errc::kProviderSilent);
    EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
    HttpRequest patient = redemption(server.url());
    patient.total_timeout = 20s;
    EXPECT_EQ(client(options(150ms))->send(std::move(patient)).error().errc, Errc::kProviderSilent);
    EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
}

}  // namespace
}  // namespace nexus::control
