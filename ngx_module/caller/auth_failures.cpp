// Failed attempts: see auth_failures.h.
#include "ngx_module/caller/auth_failures.h"

#include <optional>

#include "ngx_module/limits/key.h"
#include "ngx_module/limits/memory.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"
#include "shared/ratelimit/rate.h"

namespace nexus::edge {

namespace {

using limits::Memory;
using ratelimit::Limit;

constexpr int64_t kMaxBurst = 10'000;
constexpr Limit kKeysLimit{30 * ratelimit::kSecond, 0};

// The limit is part of the key: places with other limits have numbers of their own.
uint64_t salt_of(const Limit &limit) noexcept {
    return static_cast<uint64_t>(limit.emission_interval) ^ static_cast<uint64_t>(limit.burst_tolerance)
                                                                << 20;
}

const ngx_str_t *arguments(const ngx_conf_t *cf) {
    return static_cast<const ngx_str_t *>(cf->args->elts);
}

}  // namespace

char *on_nexus_auth_failures(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    if (lcf->auth_failures != NGX_CONF_UNSET_PTR) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }
    if (cf->args->nelts == 2 && to_view(arguments(cf)[1]) == "off") {
        lcf->auth_failures = nullptr;
        return NGX_CONF_OK;
    }

    std::optional<ratelimit::Rate> rate;
    std::optional<int64_t> burst;
    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        if (const auto text = parameter(arguments(cf)[i], "rate"); text && !rate) {
            rate = ratelimit::parse_rate(*text);
            if (!rate) {
                return refuse(cf, cmd, "rate is a number with r/s, r/m, r/h or r/d, such as 30r/m");
            }
        } else if (const auto number = parameter(arguments(cf)[i], "burst"); number && !burst) {
            burst = ratelimit::parse_count(*number, 0, kMaxBurst);
            if (!burst) {
                return refuse(cf, cmd, "burst is a number from 0 to 10000");
            }
        } else {
            return refuse(cf, cmd, "takes \"off\", or rate=N r/s|r/m|r/h|r/d and burst=N, each once");
        }
    }
    if (!rate) {
        return refuse(cf, cmd, "needs rate=, such as rate=30r/m");
    }
    lcf->auth_failures =
        PoolPtr<AuthFailuresConf>::make(cf->pool, AuthFailuresConf{ratelimit::make_limit(
                                                      rate->requests, rate->period, burst.value_or(0))})
            .get();
    return lcf->auth_failures != nullptr ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
}

const AuthFailuresConf *default_auth_failures() noexcept {
    static const AuthFailuresConf conf{ratelimit::make_limit(60, 60 * ratelimit::kSecond, 60)};
    return &conf;
}

namespace auth_failures {

ngx_int_t add_zone(ngx_conf_t *cf) noexcept {
    MainConf *mcf = main_conf(cf);
    mcf->failed_attempts = Memory::add(cf, "nexus_auth_failures", Memory::kUsualBytes);
    return mcf->failed_attempts != nullptr ? NGX_OK : NGX_ERROR;
}

int seconds_to_wait(const ngx_http_request_t *r, const AuthFailuresConf &conf) noexcept {
    limits::KeyText address;
    limits::read_address(r, address);
    const ratelimit::Decision decision =
        main_conf(r)->failed_attempts->look_for_debt(address.text, salt_of(conf.limit), conf.limit);
    return decision.is_allowed
               ? 0
               : static_cast<int>((decision.retry_after + ratelimit::kSecond - 1) / ratelimit::kSecond);
}

void note(const ngx_http_request_t *r, const AuthFailuresConf &conf) noexcept {
    limits::KeyText address;
    limits::read_address(r, address);
    main_conf(r)->failed_attempts->charge_debt(address.text, salt_of(conf.limit), conf.limit);
}

bool may_ask_for_keys(const ngx_http_request_t *r, std::string_view issuer_sha256) noexcept {
    return main_conf(r)
        ->failed_attempts->charge_debt(issuer_sha256, salt_of(kKeysLimit), kKeysLimit)
        .is_allowed;
}

}  // namespace auth_failures
}  // namespace nexus::edge
