// Reading happens on Pistache's thread, answering on a worker's: the two meet in is_busy_ and is_ending_
// only.
#include "control_plane/server/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <chrono>

namespace nexus::control {

namespace {

constexpr std::chrono::seconds kSendTimeout{10};  // for a client that does not read its answer

}  // namespace

ServerConnection::ServerConnection(int fd, std::string peer_ip, const RequestLimits &limits)
    : fd_(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), peer_ip_(std::move(peer_ip)), parser_(limits) {}

ServerConnection::~ServerConnection() {
    const std::scoped_lock lock(write_mutex_,
                                state_mutex_);  // after the last answer, for whoever checks orders
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

ServerConnection::Incoming ServerConnection::receive(std::string_view bytes) {
    Incoming incoming;
    {
        const std::scoped_lock lock(state_mutex_);
        if (is_busy_) {
            is_ending_ = true;  // a client that pipelines: it gets its one answer and must come again
        }
        if (is_ending_) {
            return incoming;
        }
    }

    const RequestParser::Status status = parser_.feed(bytes);
    if (status == RequestParser::Status::kMore) {
        incoming.wants_continue = parser_.take_wants_continue();
        return incoming;
    }
    const std::scoped_lock lock(state_mutex_);
    is_busy_ = true;
    if (status == RequestParser::Status::kRefused) {
        is_ending_ = true;
        incoming.refused = std::make_unique<Error>(parser_.error());
        return incoming;
    }
    is_ending_ = parser_.has_surplus();
    incoming.is_head_method = parser_.is_head_method();
    incoming.keeps_alive = parser_.keeps_alive();
    incoming.request = std::make_shared<Request>(parser_.take());
    return incoming;
}

void ServerConnection::answer(const Response &response, WireOptions options) noexcept {
    try {
        const std::scoped_lock writing(write_mutex_);
        {
            const std::scoped_lock lock(state_mutex_);
            options.keep_alive = options.keep_alive && !is_ending_;
            is_ending_ = !options.keep_alive;
            is_busy_ = false;  // before the bytes go out: the next request may be a reply to them
        }
        send(to_wire(response, options).view());
        if (!options.keep_alive) {
            ::shutdown(fd_, SHUT_WR);  // what still comes is read and dropped until the client closes too
        }
    } catch (...) {
        ::shutdown(fd_, SHUT_RDWR);  // out of memory: half an answer is none
    }
}

void ServerConnection::send_continue() noexcept {
    const std::scoped_lock writing(write_mutex_);
    send("HTTP/1.1 100 Continue\r\n\r\n");
}

void ServerConnection::send(std::string_view bytes) noexcept {
    const auto deadline = std::chrono::steady_clock::now() + kSendTimeout;
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            bytes.remove_prefix(static_cast<size_t>(sent));
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd socket{fd_, POLLOUT, 0};
        if (errno != EAGAIN || left.count() <= 0 || ::poll(&socket, 1, static_cast<int>(left.count())) < 0) {
            ::shutdown(fd_, SHUT_RDWR);
            return;
        }
    }
}

}  // namespace nexus::control
