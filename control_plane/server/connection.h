// One client connection as the server sees it: its bytes in, its answers out. Independent of Pistache, which
// only tells us that bytes came; we write on a duplicate of its descriptor, so that a number the kernel hands
// out again can never send an answer to somebody else.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "control_plane/server/request_parser.h"
#include "control_plane/server/wire.h"

namespace nexus::control {

class ServerConnection {
public:
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
    void answer(const Response &response, WireOptions options) noexcept;
    void send_continue() noexcept;

    const std::string &peer_ip() const noexcept { return peer_ip_; }

private:
    void send(std::string_view bytes) noexcept;

    const int fd_;
    const std::string peer_ip_;
    RequestParser parser_;  // reading thread only
    std::mutex state_mutex_;
    bool is_busy_ = false;    // a request is being worked on
    bool is_ending_ = false;  // nothing that still comes is looked at
    std::mutex write_mutex_;  // taken before state_mutex_
};

}  // namespace nexus::control
