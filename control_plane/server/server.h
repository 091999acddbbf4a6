// The HTTP server: Pistache's listener in one translation unit, our own bounded worker pool behind it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control_plane/server/router.h"
#include "control_plane/workers/worker_pool.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

class Metrics;

struct ServerOptions {
    std::string address = "127.0.0.1";
    uint16_t port = 0;  // 0 = any free one
    unsigned io_threads = 1;
    WorkerPoolSizes workers;                 // above their queue_limit: 503 overloaded
    std::vector<net::Cidr> trusted_proxies;  // see client_address.h
    size_t max_body_bytes = 1024 * 1024;
    size_t max_header_bytes = 32 * 1024;
    unsigned max_connections = 1024;
    std::chrono::milliseconds request_timeout{10000};  // for a request to arrive; and to wait for a worker
    std::chrono::milliseconds idle_timeout{60000};     // between requests
};

class Server {
public:
    Server(ServerOptions options, Router router, Metrics *metrics);
    ~Server();  // stops
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;

    /// Binds and serves on own threads. errors kInternal (address in use, ...)
    Result<void> start();
    uint16_t port() const noexcept;
    /// New requests get 503; waits for those in flight, at most `grace`, and tells their clients to close;
    /// then closes. Idempotent.
    void stop(std::chrono::milliseconds grace);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control
