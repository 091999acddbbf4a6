#include "control_plane/config/redis_target.h"

#include "shared/net/host_rule.h"

namespace nexus::control {

namespace {

std::string_view scheme_of(resp::Url::Kind kind) {
    switch (kind) {
        case resp::Url::Kind::kServer:
            return "redis";
        case resp::Url::Kind::kSentinel:
            return "sentinel";
        case resp::Url::Kind::kCluster:
            break;
    }
    return "cluster";
}

}  // namespace

RedisTarget RedisTarget::clone() const {
    return {kind, unix_path, servers, master_name, database, login.clone(), sentinel_login.clone(), tls};
}

std::string RedisTarget::describe() const {
    if (!unix_path.empty()) {
        return "unix:" + unix_path;
    }
    std::string text(scheme_of(kind));
    text.append(tls.is_on ? "s://" : "://");
    std::string_view separator;
    for (const resp::HostPort &server : servers) {
        text.append(separator).append(net::in_brackets(server.host)).append(":");
        text.append(std::to_string(server.port));
        separator = ",";
    }
    if (kind == resp::Url::Kind::kSentinel) {
        text.append("/").append(master_name);
    }
    return kind == resp::Url::Kind::kCluster ? text : text + "/" + std::to_string(database);
}

}  // namespace nexus::control
