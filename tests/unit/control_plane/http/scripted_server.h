// A server on loopback that answers with given bytes and remembers what it was asked: every connection once,
// or each request of a connection while the client keeps it.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>

namespace nexus::test {

class ScriptedServer {
public:
    enum class Connections { kOneRequest, kKept };

    /// answer  "" = accept and say nothing
    explicit ScriptedServer(std::string answer, Connections connections = Connections::kOneRequest)
        : answer_(std::move(answer)), connections_(connections) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ::bind(listener_, reinterpret_cast<sockaddr *>(&address), size);
        ::getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size);
        ::listen(listener_, 16);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~ScriptedServer() {
        is_ending_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    ScriptedServer(const ScriptedServer &) = delete;
    ScriptedServer &operator=(const ScriptedServer &) = delete;

    std::string url(const std::string &path = "/") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    uint16_t port() const { return port_; }
    int accepted() const { return accepted_; }
    std::string asked() const {
        const std::scoped_lock lock(mutex_);
        return asked_;
    }

private:
    void serve() {
        while (true) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0 || is_ending_) {
                ::close(fd);
                return;
            }
            ++accepted_;
            while (answer(fd) && connections_ == Connections::kKept) {
            }
            ::close(fd);
        }
    }

    /// false once the client has closed
    bool answer(int fd) {
        char buffer[65536];
        const ssize_t size = ::recv(fd, buffer, sizeof buffer, 0);
        if (size <= 0 && connections_ == Connections::kKept) {
            return false;
        }
        {
            const std::scoped_lock lock(mutex_);
            asked_.assign(buffer, size > 0 ? static_cast<size_t>(size) : 0);
        }
        if (answer_.empty()) {
            while (::recv(fd, buffer, sizeof buffer, 0) > 0) {  // until the client gives up
            }
        } else {
            ::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
        }
        return true;
    }

    const std::string answer_;
    const Connections connections_;
    int listener_ = -1;
    uint16_t port_ = 0;
    std::atomic<bool> is_ending_{false};
    std::atomic<int> accepted_{0};
    mutable std::mutex mutex_;
    std::string asked_;
    std::thread thread_;
};

}  // namespace nexus::test
