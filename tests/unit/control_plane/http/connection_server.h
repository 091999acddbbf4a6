// A server on loopback with a thread for each connection, which does with every request what a script says:
// answer, cut, stall. ScriptedServer is the simpler one, for one connection at a time.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace nexus::test {

class ConnectionServer {
public:
    struct Reply {
        std::string bytes;
        enum class Then { kKeep, kClose, kStall } then = Then::kKeep;  // kStall: until the client gives up
    };
    /// connection, request  counted from 1; the request within its connection
    using Script = std::function<Reply(int connection, int request)>;

    explicit ConnectionServer(Script script) : script_(std::move(script)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ::bind(listener_, reinterpret_cast<sockaddr *>(&address), size);
        ::getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size);
        ::listen(listener_, 1024);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { serve(); });
    }
    ~ConnectionServer() {
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        for (Connection &connection : connections_) {
            ::shutdown(connection.fd, SHUT_RDWR);
            connection.thread.join();
            ::close(connection.fd);
        }
        ::close(listener_);
    }
    ConnectionServer(const ConnectionServer &) = delete;
    ConnectionServer &operator=(const ConnectionServer &) = delete;

    std::string url(const std::string &path = "/") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    uint16_t port() const { return port_; }
    int accepted() const { return accepted_; }
    int requests() const { return requests_; }

    static std::string ok(const std::string &body = "{}") {
        return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }

private:
    struct Connection {
        int fd = -1;
        std::thread thread;
    };

    void serve() {
        while (true) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) {
                return;
            }
            const int number = ++accepted_;
            Connection &connection = connections_.emplace_back();
            connection.fd = fd;
            connection.thread = std::thread([this, fd, number] { converse(fd, number); });
        }
    }

    void converse(int fd, int number) {
        std::string pending;
        for (int request = 1; take_request(fd, pending); ++request) {
            ++requests_;
            const Reply reply = script_(number, request);
            ::send(fd, reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL);
            if (reply.then == Reply::Then::kClose) {
                break;
            }
            while (reply.then == Reply::Then::kStall && receive(fd, pending)) {
            }
        }
        ::shutdown(fd, SHUT_RDWR);
    }

    static bool receive(int fd, std::string &pending) {
        char buffer[16384];
        const ssize_t size = ::recv(fd, buffer, sizeof buffer, 0);
        pending.append(buffer, size > 0 ? static_cast<size_t>(size) : 0);
        return size > 0;
    }

    /// A head and the body that its Content-Length announces.
    static bool take_request(int fd, std::string &pending) {
        while (true) {
            const size_t head = pending.find("\r\n\r\n");
            if (head != std::string::npos) {
                const size_t field = pending.find("Content-Length: ");
                const size_t body = field < head ? std::stoul(pending.substr(field + 16)) : 0;
                if (pending.size() >= head + 4 + body) {
                    pending.erase(0, head + 4 + body);
                    return true;
                }
            }
            if (!receive(fd, pending)) {
                return false;
            }
        }
    }

    const Script script_;
    int listener_ = -1;
    uint16_t port_ = 0;
    std::atomic<int> accepted_{0};
    std::atomic<int> requests_{0};
    std::list<Connection> connections_;  // the acceptor's, until it has ended
    std::thread acceptor_;
};

}  // namespace nexus::test
