#include "control_plane/redis/single_client.h"

namespace nexus::control {

SingleClient::SingleClient(const RedisTarget &target, const RedisOptions &options, Metrics *metrics)
    : RedisClient(target, options, metrics) {
    if (target.kind == resp::Url::Kind::kSentinel) {
        finder_ = std::make_unique<MasterFinder>(target, options, metrics);
    } else {
        const resp::HostPort server = target.servers.empty() ? resp::HostPort{} : target.servers.front();
        connection_ = connection_to(server, RedisConnection::Role::kAny);
    }
}

Result<RedisConnection *> SingleClient::server() {
    if (finder_ == nullptr) {
        return connection_.get();
    }
    Result<resp::HostPort> master = finder_->master();
    if (!master) {
        return fail(master.error());
    }
    if (connection_ == nullptr || connection_->server() != *master) {
        epoch_ += connection_ != nullptr ? 1 : 0;
        connection_ = connection_to(*master, RedisConnection::Role::kMaster);
    }
    return connection_.get();
}

/// A master that is lost, or that is none any more, is looked for once.
template <typename Ask>
Result<resp::Reply> SingleClient::ask(Ask &&question) {
    for (bool is_last = finder_ == nullptr;; is_last = true) {
        Result<RedisConnection *> connection = server();
        if (!connection) {
            return fail(connection.error());
        }
        Result<resp::Reply> reply = question(**connection);
        answerer_ = reply ? (*connection)->server() : answerer_;
        const bool is_replica = reply && error_kind(*reply) == resp::ErrorKind::kReadOnly;
        if (is_replica) {
            (*connection)->close();  // a name may lead to the new master
        }
        if ((reply && !is_replica) || is_last) {
            return checked(std::move(reply));
        }
        finder_->doubt();
    }
}

Result<resp::Reply> SingleClient::script(std::string_view text, std::string_view key, Words arguments) {
    return ask([&](RedisConnection &server) { return server.script(text, key, arguments); });
}

Result<void> SingleClient::publish_elsewhere(std::string_view, std::string_view) {
    return redis_unavailable("there is no other server");
}

Result<void> SingleClient::ping() {
    return ask([](RedisConnection &server) { return server.command({"PING"}); }).map([](const resp::Reply &) {
    });
}

}  // namespace nexus::control
