// A real nginx with TLS and HTTP/2 on loopback, which answers each request with {} and writes down over which
// connection it came.
#pragma once

#include <gtest/gtest.h>
#include <chrono>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/control_plane/http/scripted_server.h"
#include "tests/unit/control_plane/support/child_process.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::test {

class NginxServer {
public:
    struct Seen {
        std::string connection;
        std::string protocol;
        std::string client;  // subject of the client's certificate, "-" = none
    };

    /// connection_requests  after so many a connection is ended by nginx (HTTP/2: GOAWAY)
    explicit NginxServer(int connection_requests = 10'000) {
        ChildProcess made({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                           "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                           "-days", "1", "-keyout", path("key.pem"), "-out", ca_file()},
                          "/dev/null", false);
        EXPECT_EQ(made.wait(), 0);
        {
            const ScriptedServer probe("x");  // a port that is free
            port_ = probe.port();
        }
        std::ofstream(path("nginx.conf"))
            << "daemon off; master_process off; pid " << path("pid") << "; error_log " << path("error.log")
            << ";\nevents { worker_connections 2048; }\nhttp {\n"
            << "log_format seen '$connection $server_protocol $ssl_client_s_dn';\n"
            << "access_log " << path("access.log") << " seen;\n"
            << "client_body_temp_path " << path("body") << "; proxy_temp_path " << path("proxy")
            << "; fastcgi_temp_path " << path("fastcgi") << "; uwsgi_temp_path " << path("uwsgi")
            << "; scgi_temp_path " << path("scgi") << ";\nkeepalive_requests " << connection_requests
            << ";\nserver { listen 127.0.0.1:" << port_ << " ssl http2; ssl_certificate " << ca_file()
            << "; ssl_certificate_key " << path("key.pem")
            << "; ssl_verify_client optional_no_ca; location / { return 200 '{}'; } } }\n";
        server_ =
            ChildProcess({"nginx", "-c", path("nginx.conf"), "-e", path("error.log")}, "/dev/null", false);
        wait_until_it_listens();
    }
    ~NginxServer() { server_.stop(); }
    NginxServer(const NginxServer &) = delete;
    NginxServer &operator=(const NginxServer &) = delete;

    std::string url() const { return "https://localhost:" + std::to_string(port_) + "/"; }
    std::string ca_file() const { return path("cert.pem"); }
    /// Certificate and key in one PEM.
    std::string client_certificate() const { return read("cert.pem") + read("key.pem"); }
    void signal(int number) const { server_.signal(number); }
    std::vector<Seen> seen() const {
        std::vector<Seen> out;
        std::istringstream lines(read("access.log"));
        Seen one;
        while (lines >> one.connection >> one.protocol >> one.client) {
            out.push_back(one);
        }
        return out;
    }

private:
    std::string path(const std::string &name) const { return dir_.path() + "/" + name; }
    std::string read(const std::string &name) const {
        std::ifstream file(path(name));
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void wait_until_it_listens() const {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port_);
        while (std::chrono::steady_clock::now() < deadline) {
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const int refused = ::connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof address);
            ::close(fd);
            if (refused == 0) {
                return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        ADD_FAILURE() << "nginx does not listen: " << read("error.log");
    }

    TempDir dir_;
    uint16_t port_ = 0;
    ChildProcess server_;
};

}  // namespace nexus::test
