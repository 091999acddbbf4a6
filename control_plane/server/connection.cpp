// Reading happens on Pistache's thread, answering on a worker's, watching the clock on a third: they meet in
// what state_mutex_ guards, and nowhere else.
#include "control_plane/server/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <system_error>

namespace nexus::control {

ServerConnection::ServerConnection(int fd, std::string peer_ip, const RequestLimits &limits)
    : fd_(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), peer_ip_(std::move(peer_ip)), parser_(limits) {
    if (fd_ < 0) {
        throw std::system_error(errno, std::generic_category(), "dup");
    }
}

ServerConnection::~ServerConnection() {
    const std::scoped_lock lock(write_mutex_,
                                state_mutex_);  // after the last answer, for whoever checks orders
    ::close(fd_);
}

ServerConnection::Incoming ServerConnection::receive(std::string_view bytes) {
    Incoming incoming;
    {
        const std::scoped_lock lock(state_mutex_);
        if (phase_ == Phase::kBusy) {
            is_ending_ = true;  // a client that pipelines: it gets its one answer and must come again
        }
        if (is_ending_) {
            return incoming;
        }
        if (phase_ != Phase::kReceiving) {
            phase_ = Phase::kReceiving;
            since_ = std::chrono::steady_clock::now();
        }
    }

    const RequestParser::Status status = parser_.feed(bytes);
    if (status == RequestParser::Status::kMore) {
        incoming.wants_continue = parser_.take_wants_continue();
        return incoming;
    }
    const std::scoped_lock lock(state_mutex_);
    if (is_cut_) {
        return incoming;  // a moment too late
    }
    phase_ = Phase::kBusy;
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

void ServerConnection::answer(const Response &response, WireOptions options,
                              std::chrono::milliseconds patience) noexcept {
    try {
        std::unique_lock writing(write_mutex_, std::defer_lock);
        if (patience.count() > 0) {
            writing.lock();
        } else if (!writing.try_lock()) {
            return close();  // it does not read the answer before this one
        }
        {
            const std::scoped_lock lock(state_mutex_);
            options.keep_alive = options.keep_alive && !is_ending_;
            is_ending_ = !options.keep_alive;
            // Before the bytes go out: the next request may be a reply to them.
            phase_ = options.keep_alive ? Phase::kIdle : Phase::kEnding;
            since_ = std::chrono::steady_clock::now();
        }
        send(to_wire(response, options).view(), patience);
        if (!options.keep_alive) {
            ::shutdown(fd_, SHUT_WR);  // what still comes is read and dropped until the client closes too
        }
    } catch (...) {
        close();  // out of memory: half an answer is none
    }
}

ServerConnection::Overdue ServerConnection::check(Time now, const ConnectionTimes &times) noexcept {
    const std::scoped_lock lock(state_mutex_);
    const auto took = now - since_;
    switch (phase_) {
        case Phase::kNew:
        case Phase::kReceiving:
            if (took < times.request || is_cut_) {
                return Overdue::kNo;
            }
            is_ending_ = is_cut_ = true;
            return Overdue::kRequest;
        case Phase::kIdle:
            if (took < times.idle) {
                return Overdue::kNo;
            }
            is_ending_ = is_cut_ = true;
            phase_ = Phase::kEnding;
            close();
            return Overdue::kIdle;
        case Phase::kEnding:
            if (took < times.linger) {
                return Overdue::kNo;
            }
            close();
            return Overdue::kLinger;
        case Phase::kBusy:
            break;  // the handler has its own time-outs
    }
    return Overdue::kNo;
}

void ServerConnection::refuse_input() noexcept {
    const std::scoped_lock lock(state_mutex_);
    is_ending_ = is_cut_ = true;
}

// Pistache's thread sees the end, and lets go of its descriptor and of this object.
void ServerConnection::close() noexcept {
    ::shutdown(fd_, SHUT_RDWR);
}

void ServerConnection::send_continue() noexcept {
    const std::scoped_lock writing(write_mutex_);
    send("HTTP/1.1 100 Continue\r\n\r\n", std::chrono::milliseconds(0));
}

void ServerConnection::send(std::string_view bytes, std::chrono::milliseconds patience) noexcept {
    const auto deadline = std::chrono::steady_clock::now() + patience;
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
            close();
            return;
        }
    }
}

}  // namespace nexus::control
