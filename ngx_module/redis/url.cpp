// Parsing nexus_redis. Names are resolved here, while the configuration is read: a worker must not block on
// DNS.
#include "ngx_module/redis/url.h"

#include <utility>

#include "ngx_module/conf.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/secret_arg.h"
#include "ngx_module/redis/parse_url.h"

namespace nexus::edge {

namespace {

constexpr in_port_t kDefaultPort = 6379;
constexpr ngx_msec_t kMaxTimeout = 60'000;

char *resolve(ngx_conf_t *cf, ngx_command_t *cmd, RedisConf *conf, const redis::Url &url) {
    ngx_url_t u;
    ngx_memzero(&u, sizeof u);
    u.url = copy_to_pool(cf->pool, url.address);
    if (u.url.data == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    u.default_port = kDefaultPort;
    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        return refuse(
            cf, cmd,
            std::string(u.err != nullptr ? u.err : "invalid address") + " in \"" + url.address + "\"");
    }
    conf->addrs = u.addrs;
    conf->naddrs = u.naddrs;
    return NGX_CONF_OK;
}

char *set_parameters(ngx_conf_t *cf, ngx_command_t *cmd, RedisConf *conf) {
    const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
    for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
        if (const auto reference = parameter(arguments[i], "password")) {
            auto secret = read_secret_argument(cf, *reference);
            if (!secret) {
                return refuse(cf, cmd, secret.error().message);
            }
            conf->password = std::move(*secret);
            continue;
        }
        if (const auto user = parameter(arguments[i], "user")) {
            conf->user = *user;
            continue;
        }
        bool known = false;
        for (const auto &[name, field] :
             {std::pair<std::string_view, ngx_msec_t *>{"timeout", &conf->timeout},
              {"connect_timeout", &conf->connect_timeout}}) {
            const auto value = parameter(arguments[i], name);
            if (!value) {
                continue;
            }
            const auto ms = parse_msec(*value, 1, kMaxTimeout);
            if (!ms) {
                return refuse(cf, cmd, std::string(name) + " must be a time from 1ms to 60s");
            }
            *field = *ms;
            known = true;
        }
        if (!known) {
            return refuse(cf, cmd, "invalid parameter \"" + std::string(to_view(arguments[i])) + "\"");
        }
    }
    if (!conf->user.empty() && conf->password.empty()) {
        return refuse(cf, cmd, "user= needs password=");
    }
    return NGX_CONF_OK;
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
        auto url = redis::parse_url(to_view(arguments[1]));
        if (!url) {
            return refuse(cf, cmd, url.error().message);
        }

        PoolPtr<RedisConf> redis = PoolPtr<RedisConf>::make(cf->pool);
        if (!redis) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        redis->name = to_view(arguments[1]);
        redis->database = url->database;
        redis->timeout = 50;
        redis->connect_timeout = 100;
        if (char *rc = resolve(cf, cmd, redis.get(), *url); rc != NGX_CONF_OK) {
            return rc;
        }
        if (char *rc = set_parameters(cf, cmd, redis.get()); rc != NGX_CONF_OK) {
            return rc;
        }
        mcf->redis = redis.get();
        return NGX_CONF_OK;
    });
}

}  // namespace nexus::edge
