// Reads one HTTP/1.x request from a connection's bytes (RFC 9112), strictly: what is ambiguous is refused,
// because the nginx in front and we must never disagree on where a request ends. Knows limits, not meanings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "control_plane/server/message.h"

namespace nexus::control {

struct RequestLimits {
    size_t max_head_bytes = 32 * 1024;
    size_t max_body_bytes = 1024 * 1024;
    size_t max_headers = 100;
};

class RequestParser {
public:
    explicit RequestParser(const RequestLimits &limits) : limits_(limits) {}
    ~RequestParser();
    RequestParser(const RequestParser &) = delete;
    RequestParser &operator=(const RequestParser &) = delete;

    enum class Status : uint8_t {
        kMore,     // the request is not complete
        kDone,     // `take` has it
        kRefused,  // `error` says why; the connection is of no use any more
    };
    Status feed(std::string_view bytes);

    /// The request, without peer, client and id, which the connection knows. Then the next one may be fed.
    Request take();
    bool keeps_alive() const noexcept { return keeps_alive_; }
    bool is_head_method() const noexcept { return is_head_method_; }
    /// Bytes came behind the request: a client that pipelines. They are dropped, so the connection must end.
    bool has_surplus() const noexcept { return has_surplus_; }
    /// True once, when the client waits for "100 Continue" before it sends the body.
    bool take_wants_continue() noexcept;
    const Error &error() const noexcept { return error_; }

private:
    Status refuse(Errc errc, std::string_view sentence);
    Status parse_head(size_t head_size);
    bool parse_request_line(std::string_view line);
    bool parse_header_line(std::string_view line);
    bool interpret_headers();
    Status add_body(std::string_view bytes);

    RequestLimits limits_;
    std::string head_;  // until it is complete
    bool is_in_body_ = false;
    bool keeps_alive_ = false;
    bool is_head_method_ = false;
    bool has_surplus_ = false;
    bool is_http_1_0_ = false;
    bool wants_continue_ = false;
    size_t body_size_ = 0;
    size_t body_filled_ = 0;
    Request request_;
    Error error_;
};

}  // namespace nexus::control
