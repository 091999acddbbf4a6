#include "control_plane/http/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <chrono>
#include <cstdlib>

#include "control_plane/metrics/metrics.h"
#include "tests/unit/control_plane/http/scripted_server.h"
#include "tests/unit/control_plane/support/child_process.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char *kOk =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Two: a\r\nConnection: close\r\n"
    "Content-Length: 2\r\n\r\n{}";

HttpClientOptions options(const std::string &allowed = "127.0.0.1/32") {
    HttpClientOptions made;
    made.allowed_private = *net::parse_cidr_list(allowed);
    made.total_timeout = 5s;
    return made;
}

HttpRequest get(const std::string &url) {
    HttpRequest request;
    request.url = url;
    return request;
}

TEST(HttpClient, AsksAndReads) {
    test::ScriptedServer server(kOk);
    const HttpClient client(options());
    HttpRequest request = get(server.url("/a?b=c"));
    request.headers.emplace_back("Accept", "application/json");
    request.bearer_token = Secret(std::string_view("tok"));
    const Result<HttpResponse> response = client.send(request);
    ASSERT_TRUE(response) << response.error().detail;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->header("content-type"), "application/json");
    EXPECT_EQ(response->body.view(), "{}");
    EXPECT_THAT(server.asked(), testing::StartsWith("GET /a?b=c HTTP/1.1\r\n"));
    EXPECT_THAT(server.asked(), HasSubstr("Authorization: Bearer tok\r\n"));
    EXPECT_THAT(server.asked(), HasSubstr("Accept: application/json\r\n"));
    EXPECT_THAT(server.asked(), testing::Not(HasSubstr("Expect")));
}

TEST(HttpClient, AClientCertificateNeedsTls) {
    test::ScriptedServer server(kOk);
    const HttpClient client(options());
    HttpRequest request = get(server.url());
    request.client_certificate = Secret(std::string_view("certificate and key"));
    EXPECT_EQ(client.send(request).error().errc, Errc::kEgressDenied);
}

TEST(HttpClient, PostsForms) {
    test::ScriptedServer server(kOk);
    const HttpClient client(options());
    HttpRequest request = get(server.url());
    request.method = "POST";
    request.basic_auth = HttpRequest::Basic{"id", Secret(std::string_view("se:cret"))};
    request.form.emplace();
    request.form->push_back({"grant_type", Secret(std::string_view("refresh_token"))});
    request.form->push_back({"scope", Secret(std::string_view("a b&c"))});
    ASSERT_TRUE(client.send(request));
    EXPECT_THAT(server.asked(), testing::StartsWith("POST / HTTP/1.1\r\n"));
    EXPECT_THAT(server.asked(), HasSubstr("Authorization: Basic aWQ6c2U6Y3JldA==\r\n"));
    EXPECT_THAT(server.asked(), HasSubstr("Content-Type: application/x-www-form-urlencoded\r\n"));
    EXPECT_TRUE(server.asked().ends_with("\r\n\r\ngrant_type=refresh_token&scope=a+b%26c"));
}

TEST(HttpClient, CredentialsDoNotLingerInAReusedHandle) {
    test::ScriptedServer server(kOk);
    const HttpClient client(options());
    HttpRequest first = get(server.url());
    first.basic_auth = HttpRequest::Basic{"id", Secret(std::string_view("hunter2"))};
    ASSERT_TRUE(client.send(first));
    ASSERT_TRUE(client.send(get(server.url())));
    EXPECT_THAT(server.asked(), testing::Not(HasSubstr("Authorization")));
}

TEST(HttpClient, AnyStatusIsAResponseAndRedirectsAreNotFollowed) {
    test::ScriptedServer target(kOk);
    test::ScriptedServer server("HTTP/1.1 302 Found\r\nLocation: " + target.url() +
                                "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const Result<HttpResponse> response = HttpClient(options()).send(get(server.url()));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 302);
    EXPECT_EQ(response->header("location"), target.url());
    EXPECT_EQ(target.accepted(), 0);
}

TEST(HttpClient, PrivateAddressesAreDeniedBeforeAnyConnection) {
    test::ScriptedServer server(kOk);
    Metrics metrics;
    const HttpClient client(options("10.0.0.0/8"), &metrics);
    const std::string port = std::to_string(server.port());
    for (const std::string &url :
         {"http://127.0.0.1:" + port + "/", "https://127.0.0.1:" + port + "/",
          "http://localhost:" + port + "/", "https://[::1]:" + port + "/",
          "https://[::ffff:127.0.0.1]:" + port + "/", "https://2130706433:" + port + "/",
          std::string("https://169.254.169.254/latest/meta-data"), std::string("ftp://127.0.0.1/"),
          std::string("https://u:hunter2@127.0.0.1/")}) {
        const Result<HttpResponse> response = client.send(get(url));
        ASSERT_FALSE(response) << url;
        EXPECT_EQ(response.error().errc, Errc::kEgressDenied) << url;
        EXPECT_THAT(response.error().message, testing::Not(HasSubstr("hunter2")));
    }
    EXPECT_EQ(server.accepted(), 0);
    EXPECT_THAT(metrics.render(),
                HasSubstr("nexus_egress_requests_total{provider=\"none\",result=\"denied\"} 9"));
}

TEST(HttpClient, ASilentServerCostsTheTimeout) {
    test::ScriptedServer server("");
    HttpClientOptions quick = options();
    quick.total_timeout = 200ms;
    const auto started = std::chrono::steady_clock::now();
    const Result<HttpResponse> response = HttpClient(quick).send(get(server.url()));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().errc, Errc::kProviderSilent);
    EXPECT_LT(std::chrono::steady_clock::now() - started, 3s);
}

TEST(HttpClient, AnEndlessBodyOrHeadIsCut) {
    test::ScriptedServer body("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" +
                              std::string(3 * 1024 * 1024, 'x'));
    EXPECT_EQ(HttpClient(options()).send(get(body.url())).error().errc, Errc::kProviderSilent);
    test::ScriptedServer head("HTTP/1.1 200 OK\r\n" + [] {
        std::string lines;
        for (int i = 0; i < 3000; ++i) {
            lines += "X-Line: " + std::string(40, 'x') + "\r\n";
        }
        return lines;
    }() + "\r\n");
    EXPECT_EQ(HttpClient(options()).send(get(head.url())).error().errc, Errc::kProviderSilent);
}

TEST(HttpClient, ExactlyTheLimitIsFine) {
    test::ScriptedServer server("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" +
                                std::string(1024 * 1024, 'x'));
    const Result<HttpResponse> response = HttpClient(options()).send(get(server.url()));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body.size(), 1024u * 1024u);
}

TEST(HttpClient, LineBreaksInHeadersAreRefused) {
    test::ScriptedServer server(kOk);
    HttpRequest request = get(server.url());
    request.bearer_token = Secret(std::string_view("x\r\nEvil: y"));
    EXPECT_EQ(HttpClient(options()).send(request).error().errc, Errc::kInvalidRequest);
    EXPECT_EQ(server.accepted(), 0);
}

TEST(HttpClient, OnlyLibcurlFramesTheRequest) {
    test::ScriptedServer server(kOk);
    for (const char *name : {"Host", "content-length", "Transfer-Encoding", "Connection", "Upgrade", "",
                             "a b", "a:b", "a\rb", "\xc3\xa4"}) {
        HttpRequest request = get(server.url());
        request.headers.emplace_back(name, "x");
        EXPECT_EQ(HttpClient(options()).send(request).error().errc, Errc::kInvalidRequest) << name;
    }
    for (const char *method : {"", "get", "CONNECT", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"}) {
        HttpRequest request = get(server.url());
        request.method = method;
        EXPECT_EQ(HttpClient(options()).send(request).error().errc, Errc::kInvalidRequest) << method;
    }
    EXPECT_EQ(server.accepted(), 0);
}

// What a name leads to may have changed since, and over plain http nothing would show it.
TEST(HttpClient, OnlyAPeerThatIsTheHostKeepsItsConnection) {
    const std::string kept = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    {
        test::ScriptedServer server(kept, test::ScriptedServer::Connections::kKept);
        const HttpClient client(options());
        ASSERT_TRUE(client.send(get(server.url())));
        ASSERT_TRUE(client.send(get(server.url("/again"))));
        EXPECT_EQ(server.accepted(), 1);
    }
    test::ScriptedServer server(kept, test::ScriptedServer::Connections::kKept);
    const HttpClient client(options());
    const std::string named = "http://localhost:" + std::to_string(server.port()) + "/";
    ASSERT_TRUE(client.send(get(named)));
    ASSERT_TRUE(client.send(get(named)));
    EXPECT_EQ(server.accepted(), 2);
}

TEST(HttpClient, ProxiesOfTheEnvironmentAreIgnored) {
    test::ScriptedServer proxy(kOk), server(kOk);
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    ASSERT_TRUE(HttpClient(options()).send(get(server.url())));
    ::unsetenv("http_proxy");
    EXPECT_EQ(proxy.accepted(), 0);
}

TEST(HttpClient, ARefusedConnectionIsUnavailable) {
    std::string url;
    {
        const test::ScriptedServer gone(kOk);
        url = gone.url();
    }
    EXPECT_EQ(HttpClient(options()).send(get(url)).error().errc, Errc::kProviderUnavailable);
}

/// `openssl s_server` with a certificate of its own for 127.0.0.1 and localhost.
class TlsServer {
public:
    TlsServer() {
        test::ChildProcess made(
            {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1", "-keyout",
             dir_.path() + "/key.pem", "-out", ca_file()},
            "/dev/null", false);
        EXPECT_EQ(made.wait(), 0);
        {
            const test::ScriptedServer probe("x");  // a port that is free
            port_ = probe.port();
        }
        server_ =
            test::ChildProcess({"openssl", "s_server", "-www", "-quiet", "-accept", std::to_string(port_),
                                "-cert", ca_file(), "-key", dir_.path() + "/key.pem"},
                               "/dev/null", false);
    }
    ~TlsServer() { server_.stop(); }
    std::string ca_file() const { return dir_.path() + "/cert.pem"; }
    std::string url(const std::string &host) const {
        return "https://" + host + ":" + std::to_string(port_) + "/";
    }

    /// The first answer that is not "connection refused": the server needs a moment.
    Result<HttpResponse> ask(const std::string &host, const std::string &ca) const {
        HttpClientOptions made = options("127.0.0.0/8,::1/128");
        made.ca_file = ca;
        const HttpClient client(made);
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (true) {
            Result<HttpResponse> response = client.send(get(url(host)));
            const bool is_starting =
                !response && response.error().detail.find("connect") != std::string::npos;
            if (!is_starting || std::chrono::steady_clock::now() > deadline) {
                return response;
            }
            std::this_thread::sleep_for(10ms);
        }
    }

private:
    test::TempDir dir_;
    uint16_t port_ = 0;
    test::ChildProcess server_;
};

TEST(HttpClient, VerifiesCertificatesAndNames) {
    const TlsServer server;
    const Result<HttpResponse> trusted = server.ask("localhost", server.ca_file());
    ASSERT_TRUE(trusted) << trusted.error().detail;
    EXPECT_EQ(trusted->status, 200);
    const Result<HttpResponse> unknown_ca = server.ask("localhost", "");
    ASSERT_FALSE(unknown_ca);
    EXPECT_EQ(unknown_ca.error().errc, Errc::kProviderUnavailable);
    const Result<HttpResponse> wrong_name = server.ask("127.0.0.1", server.ca_file());
    ASSERT_FALSE(wrong_name);
    EXPECT_EQ(wrong_name.error().errc, Errc::kProviderUnavailable);
}

TEST(HttpClient, SessionKeysAreNotWrittenToWhereTheEnvironmentSays) {
    const test::TempDir dir;
    const std::string file = dir.path() + "/keys";
    ::setenv("SSLKEYLOGFILE", file.c_str(), 1);
    const TlsServer server;
    EXPECT_TRUE(server.ask("localhost", server.ca_file()));
    EXPECT_NE(::access(file.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace nexus::control
