// Bytes to and from one Redis server: TCP, TLS or a Unix socket, with time-outs. libcurl makes the connection
// and checks certificates (CURLOPT_CONNECT_ONLY); no HTTP is spoken.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "control_plane/config/redis_target.h"
#include "control_plane/http/exchange.h"
#include "shared/result.h"

namespace nexus::control {

class RedisSocket {
public:
    using Deadline = std::chrono::steady_clock::time_point;

    /// server   its host is not used where unix_path is given
    /// timeout  from resolving the name to the end of the TLS handshake
    /// errors   kCacheUnavailable, with libcurl's words: no address, refused, certificate not accepted, ...
    static Result<RedisSocket> connect(const RedisTarget &target, const resp::HostPort &server,
                                       std::chrono::milliseconds timeout);

    /// errors kCacheUnavailable: the connection is lost, or it took too long. It is not to be used again
    /// then.
    Result<void> send(std::string_view bytes, Deadline deadline);
    /// At least one byte. returns how many; errors as of send
    Result<size_t> receive(std::span<char> room, Deadline deadline);

private:
    RedisSocket(EasyPtr handle, curl_socket_t fd) : handle_(std::move(handle)), fd_(fd) {}
    Result<void> wait(short events, Deadline deadline) const;

    EasyPtr handle_;
    curl_socket_t fd_;
};

/// For logs: HOST:PORT, or the path of the Unix socket.
std::string server_name(const RedisTarget &target, const resp::HostPort &server);

/// "Redis is not available: WHY", kCacheUnavailable.
tl::unexpected<Error> redis_unavailable(std::string_view why);

}  // namespace nexus::control
