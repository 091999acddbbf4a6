// One client connection as the server sees it: its bytes in, its answers out, and how long it may take.
// Independent of Pistache, which only tells us that bytes came; we write on a duplicate of its descriptor, so
// that a number the kernel hands out again can never send an answer to somebody else.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "control_plane/server/request_parser.h"
#include "control_plane/server/wire.h"

namespace nexus::control {

struct ConnectionTimes {
    std::chrono::milliseconds request{
        10000};  // from a request's first byte (of a new client: from now) to its last
    std::chrono::milliseconds idle{60000};   // between an answer and the next request
    std::chrono::milliseconds linger{2000};  // for a client to close after its last answer
};

class ServerConnection {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// fd  duplicated here. peer_ip  of the other end
    ServerConnection(int fd, std::string peer_ip, const RequestLimits &limits);
    ~ServerConnection();
    ServerConnection(const ServerConnection &) = delete;
    ServerConnection &operator=(const ServerConnection &) = delete;

    struct Incoming {
        std::shared_ptr<Request> request;  // complete, or null
        bool is_head_method = false;
        bool keeps_alive = false;
        std::unique_ptr<Error> refused;  // the bytes are no request: answer this and close
        bool wants_continue = false;
    };
    /// Called by the one thread that reads this connection.
    Incoming receive(std::string_view bytes);

    /// Answers the request in work. With keep_alive false, or if the client sent more than it should have,
    /// the sending direction is closed behind the answer.
    /// patience  with a client that does not read; then it is closed
    void answer(const Response &response, WireOptions options,
                std::chrono::milliseconds patience = std::chrono::seconds(10)) noexcept;
    void send_continue() noexcept;

    enum class Overdue : uint8_t {
        kNo,
        kRequest,  // nothing more is read: `answer` with what it is, which ends the connection
        kIdle,     // closed
        kLinger,   // closed
    };
    /// Is its time over? Called now and then by one other thread.
    Overdue check(Time now, const ConnectionTimes &times) noexcept;
    /// Nothing that still comes is looked at; `answer` says why.
    void refuse_input() noexcept;
    void close() noexcept;

    const std::string &peer_ip() const noexcept { return peer_ip_; }

private:
    void send(std::string_view bytes, std::chrono::milliseconds patience) noexcept;

    enum class Phase : uint8_t {
        kNew,        // no byte yet
        kReceiving,  // part of a request
        kBusy,       // a request is being worked on
        kIdle,       // answered, and kept for the next one
        kEnding,     // the last answer is out
    };

    const int fd_;
    const std::string peer_ip_;
    RequestParser parser_;  // reading thread only
    std::mutex state_mutex_;
    Phase phase_ = Phase::kNew;
    Time since_ = std::chrono::steady_clock::now();  // begin of the phase
    bool is_ending_ = false;                         // nothing that still comes is looked at
    bool is_cut_ = false;                            // nor what the reading thread has in its hands
    std::mutex write_mutex_;                         // taken before state_mutex_
};

}  // namespace nexus::control
