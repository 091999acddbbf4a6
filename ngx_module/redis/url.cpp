// Parsing nexus_redis. Names are resolved here, while the configuration is read: a worker must not block on
// DNS.
#include "ngx_module/redis/url.h"

#include <cstring>
#include <tuple>
#include <utility>

#include "ngx_module/conf.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/secret_arg.h"
#include "ngx_module/redis/conf.h"
#include "ngx_module/redis/tls.h"
#include "shared/net/host_rule.h"
#include "shared/resp/url.h"

namespace nexus::edge {

namespace {

using redis::Address;

constexpr ngx_msec_t kMaxTimeout = 60'000;

/// All of the directive's parameters: some are for the connection, some for its TLS.
struct Parameters {
    RedisConf &conf;
    const resp::Url &url;
    redis::TlsParameters tls;
    bool tls_given = false;
};

char *resolve(ngx_conf_t *cf, ngx_command_t *cmd, RedisConf &conf, const resp::Url &url) {
    for (const std::string &text : url.addresses) {
        ngx_url_t u;
        ngx_memzero(&u, sizeof u);
        u.url = copy_to_pool(cf->pool, text);
        if (u.url.data == nullptr) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        u.default_port = resp::default_port(url.kind);
        if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
            return refuse(cf, cmd,
                          std::string(u.err != nullptr ? u.err : "invalid address") + " in \"" + text + "\"");
        }
        for (ngx_uint_t i = 0; i < u.naddrs; ++i) {
            Address address;
            address.size = u.addrs[i].socklen;
            std::memcpy(&address.sockaddr, u.addrs[i].sockaddr, address.size);
            address.text = to_view(u.addrs[i].name);
            address.host = net::without_brackets(to_view(u.host));
            conf.servers.push_back(std::move(address));
        }
    }
    return NGX_CONF_OK;
}

// These set a parameter, and `known`, if it is one of theirs.

char *set_secret(ngx_conf_t *cf, ngx_command_t *cmd, const ngx_str_t &argument, Parameters &parameters,
                 bool &known) {
    for (const auto &[name, field] :
         {std::pair<std::string_view, Secret *>{"password", &parameters.conf.login.password},
          {"sentinel_password", &parameters.conf.sentinel_login.password}}) {
        const auto reference = parameter(argument, name);
        if (!reference) {
            continue;
        }
        known = true;
        auto secret = read_secret_argument(cf, *reference);
        if (!secret) {
            return refuse(cf, cmd, secret.error().message);
        }
        *field = std::move(*secret);
    }
    return NGX_CONF_OK;
}

char *set_time(ngx_conf_t *cf, ngx_command_t *cmd, const ngx_str_t &argument, Parameters &parameters,
               bool &known) {
    for (const auto &[name, field] :
         {std::pair<std::string_view, ngx_msec_t *>{"timeout", &parameters.conf.timeout},
          {"connect_timeout", &parameters.conf.connect_timeout}}) {
        const auto value = parameter(argument, name);
        if (!value) {
            continue;
        }
        known = true;
        const auto ms = parse_msec(*value, 1, kMaxTimeout);
        if (!ms) {
            return refuse(cf, cmd, std::string(name) + " must be a time from 1ms to 60s");
        }
        *field = *ms;
    }
    return NGX_CONF_OK;
}

bool set_text(const ngx_str_t &argument, Parameters &parameters) {
    for (const auto &[name, field, is_tls] :
         {std::tuple<std::string_view, std::string *, bool>{"user", &parameters.conf.login.user, false},
          {"sentinel_user", &parameters.conf.sentinel_login.user, false},
          {"ca", &parameters.tls.ca, true},
          {"server_name", &parameters.tls.server_name, true},
          {"certificate", &parameters.tls.certificate, true},
          {"certificate_key", &parameters.tls.certificate_key, true}}) {
        if (const auto value = parameter(argument, name)) {
            *field = *value;
            parameters.tls_given = parameters.tls_given || is_tls;
            return true;
        }
    }
    return false;
}

char *set_verify(ngx_conf_t *cf, ngx_command_t *cmd, const ngx_str_t &argument, Parameters &parameters,
                 bool &known) {
    const auto value = parameter(argument, "verify");
    if (!value) {
        return NGX_CONF_OK;
    }
    known = true;
    if (*value != "on" && *value != "off") {
        return refuse(cf, cmd, "verify must be on or off");
    }
    parameters.tls.verify = *value == "on";
    parameters.tls_given = true;
    return NGX_CONF_OK;
}

char *set_parameters(ngx_conf_t *cf, ngx_command_t *cmd, Parameters &parameters) {
    const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
    for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
        bool known = set_text(arguments[i], parameters);
        for (const auto set : {set_secret, set_time, set_verify}) {
            if (char *rc = set(cf, cmd, arguments[i], parameters, known); rc != NGX_CONF_OK) {
                return rc;
            }
        }
        if (!known) {
            return refuse(cf, cmd, "invalid parameter \"" + std::string(to_view(arguments[i])) + "\"");
        }
    }
    return NGX_CONF_OK;
}

/// What does not go together. returns nullptr or why not
const char *contradiction(const Parameters &parameters) {
    const RedisConf &conf = parameters.conf;
    const redis::TlsParameters &tls = parameters.tls;
    const bool is_sentinel = parameters.url.kind == resp::Url::Kind::kSentinel;
    if ((!conf.login.user.empty() && conf.login.password.empty()) ||
        (!conf.sentinel_login.user.empty() && conf.sentinel_login.password.empty())) {
        return "user= needs password=, and sentinel_user= needs sentinel_password=";
    }
    if (!is_sentinel && !conf.sentinel_login.password.empty()) {
        return "sentinel_password= is for sentinel:// only";
    }
    if (parameters.tls_given && !parameters.url.tls) {
        return "ca=, verify=, server_name=, certificate= and certificate_key= are for TLS: rediss://, "
               "sentinels:// or clusters://";
    }
    if (tls.certificate.empty() != tls.certificate_key.empty()) {
        return "certificate= and certificate_key= belong together";
    }
    if (!tls.verify && !tls.ca.empty()) {
        return "ca= says whom to trust and verify=off to trust everybody: give one of them";
    }
    return nullptr;
}

char *init_tls(ngx_conf_t *cf, ngx_command_t *cmd, const Parameters &parameters) {
    if (!parameters.url.tls) {
        return NGX_CONF_OK;
    }
#if (NGX_SSL)
    PoolPtr<redis::Tls> tls = PoolPtr<redis::Tls>::make(cf->pool, cf->log);
    if (!tls || !tls->init(cf, parameters.tls)) {
        return refuse(cf, cmd, "TLS cannot be set up: see the line above");
    }
    parameters.conf.login.tls = tls.get();
    parameters.conf.sentinel_login.tls = tls.get();
    return NGX_CONF_OK;
#else
    return refuse(cf, cmd, "this nginx was built without TLS");
#endif
}

RedisConf::Mode mode_of(resp::Url::Kind kind) {
    switch (kind) {
        case resp::Url::Kind::kSentinel:
            return RedisConf::Mode::kSentinel;
        case resp::Url::Kind::kCluster:
            return RedisConf::Mode::kCluster;
        case resp::Url::Kind::kServer:
            break;
    }
    return RedisConf::Mode::kSingle;
}

}  // namespace

char *on_nexus_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *mcf = static_cast<MainConf *>(conf);
    return guarded_or<char *>(static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_redis", [&]() -> char * {
        if (mcf->redis != nullptr) {
            static char duplicate[] = "is duplicate";
            return duplicate;
        }
        const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
        auto url = resp::parse_url(to_view(arguments[1]));
        if (!url) {
            return refuse(cf, cmd, url.error().message);
        }

        PoolPtr<RedisConf> redis = PoolPtr<RedisConf>::make(cf->pool);
        if (!redis) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        redis->mode = mode_of(url->kind);
        redis->name = to_view(arguments[1]);
        redis->master_name = url->master_name;
        redis->login.database = url->database;
        redis->login.must_be_master = url->kind == resp::Url::Kind::kSentinel;
        redis->timeout = 50;
        redis->connect_timeout = 100;
        if (char *rc = resolve(cf, cmd, *redis, *url); rc != NGX_CONF_OK) {
            return rc;
        }
        Parameters parameters{*redis, *url, {}, false};
        if (char *rc = set_parameters(cf, cmd, parameters); rc != NGX_CONF_OK) {
            return rc;
        }
        if (const char *why = contradiction(parameters); why != nullptr) {
            return refuse(cf, cmd, why);
        }
        if (char *rc = init_tls(cf, cmd, parameters); rc != NGX_CONF_OK) {
            return rc;
        }
        mcf->redis = redis.get();
        return NGX_CONF_OK;
    });
}

void find_redis_resolver(ngx_conf_t *cf) noexcept {
    constexpr ngx_msec_t kDefaultResolverTimeout = 30'000;  // nginx's own, which only locations inherit
    RedisConf *redis = main_conf(cf)->redis;
    const auto *clcf = static_cast<const ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    if (redis == nullptr || clcf->resolver == nullptr || clcf->resolver->connections.nelts == 0) {
        return;  // nginx puts an empty one where none is configured
    }
    redis->resolver = clcf->resolver;
    redis->resolver_timeout =
        clcf->resolver_timeout == NGX_CONF_UNSET_MSEC ? kDefaultResolverTimeout : clcf->resolver_timeout;
}

}  // namespace nexus::edge
