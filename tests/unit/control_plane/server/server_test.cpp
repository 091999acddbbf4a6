// The whole server over real sockets on loopback.
#include "control_plane/server/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <atomic>
#include <thread>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"

namespace nexus::control {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Client {
public:
    explicit Client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval timeout{10, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
    }
    ~Client() { ::close(fd_); }
    Client(const Client &) = delete;
    Client &operator=(const Client &) = delete;

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            bytes.remove_prefix(static_cast<size_t>(sent));
        }
    }
    /// One response, by its Content-Length.
    std::string receive() {
        std::string text;
        size_t end = std::string::npos;
        while ((end = text.find("\r\n\r\n")) == std::string::npos) {
            if (!read_more(text)) {
                return text;
            }
        }
        const size_t length_at = text.find("Content-Length: ");
        const size_t length = length_at < end ? std::stoul(text.substr(length_at + 16)) : 0;
        while (text.size() < end + 4 + length && read_more(text)) {
        }
        return text;
    }
    /// All that still comes until the server closes.
    std::string drain() {
        std::string text;
        while (read_more(text)) {
        }
        return text;
    }
    std::string ask(std::string_view request) {
        send(request);
        return receive();
    }

private:
    bool read_more(std::string &text) {
        char buffer[65536];
        const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
        if (size > 0) {
            text.append(buffer, static_cast<size_t>(size));
        }
        return size > 0;
    }
    int fd_;
};

class ServerTest : public testing::Test {
protected:
    ServerTest() { log::set_level("off"); }
    ~ServerTest() override {
        release();
        server_.reset();
        log::set_level("info");
    }

    void start(ServerOptions options = {}) {
        options.trusted_proxies = *net::parse_cidr_list("127.0.0.0/8");
        Router router;
        router.add("GET", "/hello", [](const Request &request) -> Result<Response> {
            return Response::text(200, "hi " + request.client_ip + " " + request.request_id);
        });
        router.add("POST", "/echo", [](const Request &request) -> Result<Response> {
            return Response::bytes(200, "application/octet-stream", request.body.view());
        });
        router.add("GET", "/wait", [this](const Request &) -> Result<Response> {
            ++waiting_;
            released_.wait(false);
            return Response::text(200, "waited");
        });
        server_ = std::make_unique<Server>(options, std::move(router), &metrics_);
        ASSERT_TRUE(server_->start());
        ASSERT_NE(server_->port(), 0);
    }
    void release() {
        released_ = true;
        released_.notify_all();
    }
    void wait_until_waiting(int count) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (waiting_ < count && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::yield();
        }
        ASSERT_EQ(waiting_, count);
    }

    void wait_until_in_flight(int count) {
        EXPECT_TRUE(becomes("nexus_http_requests_in_flight " + std::to_string(count) + "\n"));
    }
    bool becomes(std::string_view wanted) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (metrics_.render().find(wanted) == std::string::npos) {
            if (std::chrono::steady_clock::now() > deadline) {
                return false;
            }
            std::this_thread::yield();
        }
        return true;
    }

    Metrics metrics_;
    std::atomic<int> waiting_{0};
    std::atomic<bool> released_{false};
    std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersSeveralRequestsOnOneConnection) {
    start();
    Client client(server_->port());
    for (int i = 0; i < 3; ++i) {
        const std::string answer =
            client.ask("GET /hello HTTP/1.1\r\nHost: h\r\nX-Request-Id: abc-1\r\n\r\n");
        EXPECT_THAT(answer, HasSubstr("200 OK"));
        EXPECT_THAT(answer, HasSubstr("hi 127.0.0.1 abc-1"));
        EXPECT_THAT(answer, HasSubstr("X-Request-Id: abc-1"));
        EXPECT_THAT(answer, HasSubstr("Connection: keep-alive"));
    }
}

TEST_F(ServerTest, ClosesWhenAsked) {
    start();
    Client client(server_->port());
    client.send("GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.drain(), HasSubstr("Connection: close"));
}

TEST_F(ServerTest, MakesAnIdForAnInsaneOneAndBelievesItsProxiesRealIp) {
    start();
    Client client(server_->port());
    const std::string answer =
        client.ask("GET /hello HTTP/1.1\r\nX-Request-Id: a b<script>\r\nX-Real-IP: 192.0.2.7\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("hi 192.0.2.7 "));
    EXPECT_THAT(answer, testing::Not(HasSubstr("script")));
    EXPECT_THAT(client.ask("GET /hello HTTP/1.1\r\nX-Real-IP: x\r\n\r\n"), HasSubstr("hi  "));
    EXPECT_THAT(client.ask("GET /hello HTTP/1.1\r\nX-Real-IP: 192.0.2.7\r\nX-Real-IP: 192.0.2.8\r\n\r\n"),
                HasSubstr("hi  "));
}

TEST_F(ServerTest, HeadGetsNoBody) {
    start();
    Client client(server_->port());
    client.send("HEAD /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
    const std::string answer = client.drain();
    EXPECT_THAT(answer, HasSubstr("Content-Length: "));
    EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(ServerTest, CarriesLargeBodiesBothWays) {
    start();
    Client client(server_->port());
    const std::string body(1024 * 1024, 'x');
    const std::string answer = client.ask("POST /echo HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n" + body);
    EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, body.size());
}

TEST_F(ServerTest, ATooLargeBodyIsOneErrorAndTheEnd) {
    start();
    Client client(server_->port());
    client.send("POST /echo HTTP/1.1\r\nContent-Length: 10485760\r\n\r\n" +
                std::string(10 * 1024 * 1024, 'x') + "GET /hello HTTP/1.1\r\n\r\n");
    const std::string answers = client.drain();
    EXPECT_THAT(answers, HasSubstr("HTTP/1.1 413 "));
    EXPECT_THAT(answers, HasSubstr(R"("error":"payload_too_large")"));
    EXPECT_EQ(answers.find("HTTP/1.1", 10), std::string::npos);  // the rest is no request
}

TEST_F(ServerTest, AMalformedRequestGetsTheErrorBody) {
    start();
    Client client(server_->port());
    client.send("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
    EXPECT_THAT(client.drain(),
                testing::AllOf(HasSubstr("HTTP/1.1 400 "), HasSubstr(R"("error":"invalid_request")")));
}

TEST_F(ServerTest, TellsAWaitingClientToContinue) {
    start();
    Client client(server_->port());
    EXPECT_THAT(client.ask("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
                HasSubstr("100 Continue"));
    EXPECT_THAT(client.ask("ok"), HasSubstr("\r\n\r\nok"));
}

TEST_F(ServerTest, APipeliningClientGetsItsFirstAnswerAndTheEnd) {
    start();
    Client client(server_->port());
    client.send("GET /hello HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n");
    const std::string answers = client.drain();
    EXPECT_THAT(answers, HasSubstr("200 OK"));
    EXPECT_EQ(answers.find("HTTP/1.1", 10), std::string::npos);
}

TEST_F(ServerTest, AFullQueueIsRefusedAtOnce) {
    ServerOptions options;
    options.workers.threads = 1;
    options.workers.queue_limit = 1;
    start(options);
    Client working(server_->port()), queued(server_->port()), refused(server_->port());
    working.send("GET /wait HTTP/1.1\r\n\r\n");
    wait_until_waiting(1);
    queued.send("GET /hello HTTP/1.1\r\n\r\n");
    wait_until_in_flight(2);
    EXPECT_THAT(refused.ask("GET /hello HTTP/1.1\r\n\r\n"),
                testing::AllOf(HasSubstr("503 "), HasSubstr("overloaded"), HasSubstr("Retry-After: 1")));
    release();
    EXPECT_THAT(working.receive(), HasSubstr("waited"));
    EXPECT_THAT(queued.receive(), HasSubstr("hi "));
    EXPECT_THAT(metrics_.render(), HasSubstr("nexus_http_overloaded_total 1"));
}

TEST_F(ServerTest, StoppingFinishesWhatIsInFlight) {
    start();
    Client working(server_->port());
    working.send("GET /wait HTTP/1.1\r\n\r\n");
    wait_until_waiting(1);
    std::thread stopping([this] { server_->stop(10s); });
    std::string answer;
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    do {  // until the server has heard of it; a connection that was told to close is of no use for the next try
        answer = Client(server_->port()).ask("GET /hello HTTP/1.1\r\n\r\n");
    } while (answer.find("503") == std::string::npos && std::chrono::steady_clock::now() < deadline);
    EXPECT_THAT(answer, HasSubstr("stopping"));
    release();
    EXPECT_THAT(working.receive(), testing::AllOf(HasSubstr("waited"), HasSubstr("Connection: close")));
    stopping.join();
}

TEST_F(ServerTest, AClientThatLeavesHurtsNobody) {
    start();
    for (int i = 0; i < 20; ++i) {
        Client(server_->port()).send("GET /wait HTTP/1.1\r\n\r\n");
    }
    release();
    Client client(server_->port());
    EXPECT_THAT(client.ask("GET /hello HTTP/1.1\r\n\r\n"), HasSubstr("200 OK"));
}

TEST_F(ServerTest, ManyClientsAtOnce) {
    start();
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            Client client(server_->port());
            for (int round = 0; round < 50; ++round) {
                const std::string body = std::to_string(i) + "/" + std::to_string(round);
                const std::string answer =
                    client.ask("POST /echo HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) +
                               "\r\n\r\n" + body);
                good += answer.ends_with("\r\n\r\n" + body) ? 1 : 0;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good, 400);
    EXPECT_THAT(metrics_.render(),
                HasSubstr(R"(nexus_http_requests_total{method="POST",route="/echo",status="200"} 400)"));
}

TEST_F(ServerTest, ASlowRequestIsAnsweredAndCut) {
    ServerOptions options;
    options.request_timeout = 500ms;
    start(options);
    Client silent(server_->port()), head(server_->port()), body(server_->port());
    head.send("GET /hello HTTP/1.1\r\nHost: ");
    body.send("POST /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\nx");
    std::atomic<bool> is_cut{false};
    std::thread dripping([&] {  // each byte is in good time, the whole is not
        while (!is_cut) {
            head.send("x");
            body.send("x");
            std::this_thread::sleep_for(20ms);
        }
    });
    for (Client *client : {&silent, &head, &body}) {
        EXPECT_THAT(client->drain(),
                    testing::AllOf(HasSubstr("HTTP/1.1 408 Request Timeout"), HasSubstr("Connection: close"),
                                   HasSubstr(R"(did not arrive in time)")));
    }
    is_cut = true;
    dripping.join();
    EXPECT_TRUE(becomes(R"(nexus_http_connections_cut_total{reason="slow_request"} 3)"));
    Client client(server_->port());
    EXPECT_THAT(client.ask("GET /hello HTTP/1.1\r\n\r\n"), HasSubstr("200 OK"));
}

TEST_F(ServerTest, ALongHandlerIsNotASlowRequest) {
    ServerOptions options;
    options.request_timeout = 300ms;
    options.idle_timeout = 300ms;
    start(options);
    Client client(server_->port());
    client.send("GET /wait HTTP/1.1\r\n\r\n");
    wait_until_waiting(1);
    std::this_thread::sleep_for(1s);
    release();
    EXPECT_THAT(client.receive(), HasSubstr("waited"));
}

TEST_F(ServerTest, AnIdleConnectionIsClosed) {
    ServerOptions options;
    options.idle_timeout = 300ms;
    start(options);
    Client client(server_->port());
    EXPECT_THAT(client.ask("GET /hello HTTP/1.1\r\n\r\n"), HasSubstr("keep-alive"));
    EXPECT_EQ(client.drain(), "");  // closed without a word; the client's own time-out is ten seconds
    EXPECT_TRUE(becomes(R"(nexus_http_connections_cut_total{reason="idle"} 1)"));
}

TEST_F(ServerTest, AClientThatDoesNotCloseIsClosed) {
    start();
    Client client(server_->port());
    client.send("GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.drain(), HasSubstr("Connection: close"));  // half closed; now we say nothing
    EXPECT_TRUE(becomes("nexus_http_connections 0\n"));
}

TEST_F(ServerTest, TooManyConnectionsAreRefused) {
    ServerOptions options;
    options.max_connections = 2;
    start(options);
    {
        Client first(server_->port()), second(server_->port());
        EXPECT_THAT(first.ask("GET /hello HTTP/1.1\r\n\r\n"), HasSubstr("200 OK"));
        EXPECT_THAT(second.ask("GET /hello HTTP/1.1\r\n\r\n"), HasSubstr("200 OK"));
        Client third(server_->port());
        EXPECT_THAT(third.drain(),
                    testing::AllOf(HasSubstr("HTTP/1.1 503 "), HasSubstr("too many connections"),
                                   HasSubstr("Retry-After: 1"), HasSubstr("Connection: close")));
        third.send("GET /hello HTTP/1.1\r\n\r\n");
        EXPECT_THAT(first.ask("GET /hello HTTP/1.1\r\n\r\n"), HasSubstr("200 OK"));
    }
    EXPECT_THAT(metrics_.render(), HasSubstr(R"(nexus_http_connections_cut_total{reason="too_many"} 1)"));
    EXPECT_TRUE(becomes("nexus_http_connections 0\n"));
    Client again(server_->port());
    EXPECT_THAT(again.ask("GET /hello HTTP/1.1\r\n\r\n"), HasSubstr("200 OK"));
}

TEST_F(ServerTest, ARequestThatWaitedTooLongIsRefused) {
    ServerOptions options;
    options.workers.threads = 1;
    options.request_timeout = 1s;
    start(options);
    Client working(server_->port()), queued(server_->port());
    working.send("GET /wait HTTP/1.1\r\n\r\n");
    wait_until_waiting(1);
    queued.send("GET /hello HTTP/1.1\r\n\r\n");
    wait_until_in_flight(2);
    std::this_thread::sleep_for(1100ms);
    release();
    EXPECT_THAT(working.receive(), HasSubstr("waited"));
    EXPECT_THAT(queued.receive(), testing::AllOf(HasSubstr("503 "), HasSubstr("overloaded")));
}

TEST_F(ServerTest, ATakenPortIsAnError) {
    start();
    ServerOptions options;
    options.port = server_->port();
    Server second(options, Router(), nullptr);
    const Result<void> started = second.start();
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr("in use"));
}

}  // namespace
}  // namespace nexus::control
