// The clock of a connection is looked at a few times a second, which is exact enough for limits in seconds
// and costs nothing per request.
#include "control_plane/server/connection_table.h"

#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

constexpr std::chrono::milliseconds kInterval{200};

void end_with(ServerConnection &connection, Errc errc, std::string_view why, int status) {
    const std::string request_id = crypto::random_uuid();
    Response response = error_response({errc, std::string(why), {}, 0}, request_id);
    response.status = status;
    connection.answer(response, {false, false, request_id},
                      std::chrono::milliseconds(0));  // nobody waits for a client like this
}

}  // namespace

ConnectionTable::ConnectionTable(size_t max_connections, const ConnectionTimes &times, Metrics *metrics)
    : max_connections_(max_connections),
      times_(times),
      metrics_(metrics),
      open_(std::make_shared<std::atomic<size_t>>(0)),
      thread_([this] { watch(); }) {}

ConnectionTable::~ConnectionTable() {
    {
        const std::scoped_lock lock(mutex_);
        is_ending_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

std::shared_ptr<ServerConnection> ConnectionTable::add(int fd, const std::string &peer_ip,
                                                       const RequestLimits &limits) {
    const bool is_too_many = open_->load() >= max_connections_;
    auto made = std::make_unique<ServerConnection>(fd, peer_ip, limits);
    ++*open_;
    if (metrics_ != nullptr) {
        metrics_->http_connections(1);
    }
    // A handler may outlast this table, so the counter is shared; metrics outlive both.
    std::shared_ptr<ServerConnection> connection(made.release(),
                                                 [open = open_, metrics = metrics_](ServerConnection *gone) {
                                                     delete gone;
                                                     --*open;
                                                     if (metrics != nullptr) {
                                                         metrics->http_connections(-1);
                                                     }
                                                 });
    {
        const std::scoped_lock lock(mutex_);
        connections_.push_back(connection);
    }
    if (is_too_many) {
        if (metrics_ != nullptr) {
            metrics_->http_connection_cut("too_many");
        }
        connection->refuse_input();
        end_with(*connection, Errc::kOverloaded, "the server has too many connections", 503);
        if (open_->load() >= 2 * max_connections_) {
            connection->close();  // no time to read the answer either
        }
    }
    return connection;
}

void ConnectionTable::check_all() {
    std::vector<std::weak_ptr<ServerConnection>> all;
    {
        const std::scoped_lock lock(mutex_);
        std::erase_if(connections_, [](const auto &connection) { return connection.expired(); });
        all = connections_;
    }
    const auto now = std::chrono::steady_clock::now();
    for (const std::weak_ptr<ServerConnection> &one : all) {
        const std::shared_ptr<ServerConnection> connection = one.lock();
        if (!connection) {
            continue;
        }
        const ServerConnection::Overdue overdue = connection->check(now, times_);
        if (overdue == ServerConnection::Overdue::kRequest) {
            end_with(*connection, Errc::kInvalidRequest, "the request did not arrive in time", 408);
        }
        if (metrics_ != nullptr && overdue == ServerConnection::Overdue::kRequest) {
            metrics_->http_connection_cut("slow_request");
        } else if (metrics_ != nullptr && overdue == ServerConnection::Overdue::kIdle) {
            metrics_->http_connection_cut("idle");
        }
    }
}

void ConnectionTable::watch() noexcept {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kInterval, [this] { return is_ending_; })) {
        lock.unlock();
        try {
            check_all();
        } catch (...) {
            log::error("connection_check_failed");
        }
        lock.lock();
    }
}

}  // namespace nexus::control
