// Where Redis is and how it is greeted, as REDIS_URL and its companions say (config/redis_url.cpp).
#pragma once

#include <string>
#include <vector>

#include "shared/resp/host_port.h"
#include "shared/resp/url.h"
#include "shared/secret.h"

namespace nexus::control {

/// Who we are to a server. An empty password: no AUTH.
struct RedisLogin {
    Secret username;
    Secret password;

    RedisLogin clone() const { return {username.clone(), password.clone()}; }
};

/// What the certificates must be, and which one is ours. Files are PEM.
struct RedisTls {
    bool is_on = false;
    std::string ca_file;      // "" = the system's
    std::string server_name;  // "" = each server's own host
    std::string certificate_file;
    std::string certificate_key_file;
};

struct RedisTarget {
    resp::Url::Kind kind = resp::Url::Kind::kServer;
    std::string unix_path;                // kServer; "" = TCP
    std::vector<resp::HostPort> servers;  // of the Sentinels, or nodes of the cluster
    std::string master_name;              // kSentinel
    unsigned database = 0;
    RedisLogin login;
    RedisLogin sentinel_login;
    RedisTls tls;

    RedisTarget clone() const;
    std::string describe() const;  // for logs: no password
};

}  // namespace nexus::control
