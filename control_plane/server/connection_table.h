// All connections of a server: no more than so many, and a thread that looks at their clocks.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "control_plane/server/connection.h"

namespace nexus::control {

class Metrics;

class ConnectionTable {
public:
    ConnectionTable(size_t max_connections, const ConnectionTimes &times, Metrics *metrics);
    ~ConnectionTable();
    ConnectionTable(const ConnectionTable &) = delete;
    ConnectionTable &operator=(const ConnectionTable &) = delete;

    /// A new client. Above max_connections it is told "overloaded" and nothing it sends is read.
    std::shared_ptr<ServerConnection> add(int fd, const std::string &peer_ip, const RequestLimits &limits);

private:
    void watch() noexcept;
    void check_all();

    const size_t max_connections_;
    const ConnectionTimes times_;
    Metrics *const metrics_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool is_ending_ = false;
    std::vector<std::weak_ptr<ServerConnection>> connections_;  // with some that are gone
    std::shared_ptr<std::atomic<size_t>> open_;                 // those that are not
    std::thread thread_;
};

}  // namespace nexus::control
