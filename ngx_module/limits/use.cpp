// nexus_limit and nexus_limit_headers.
#include <optional>
#include <string>

#include "ngx_module/access/access.h"
#include "ngx_module/access/steps.h"
#include "ngx_module/conf.h"
#include "ngx_module/limits/conf.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge {

namespace {

using limits::Stage;
using limits::Use;

const ngx_str_t *arguments(const ngx_conf_t *cf) {
    return static_cast<const ngx_str_t *>(cf->args->elts);
}

/// nullopt: it is fine; else why not, "" = logged
std::optional<std::string> read_cost(ngx_conf_t *cf, std::string_view text, Use &use) {
    if (text.find('$') == std::string_view::npos) {
        const auto cost = ratelimit::parse_count(text, 0, ratelimit::kMaxCost);
        use.cost = cost.value_or(1);
        return cost ? std::nullopt
                    : std::optional<std::string>{
                          "cost is a number from 0 to 1000000, or a value with variables"};
    }
    use.cost_value = compile_value(cf, text);
    return use.cost_value != nullptr ? std::nullopt : std::optional<std::string>{""};
}

std::optional<std::string> read_use(ngx_conf_t *cf, Use &use) {
    bool has_cost = false;
    bool has_delay = false;
    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        const ngx_str_t &argument = arguments(cf)[i];
        if (const auto zone = parameter(argument, "zone"); zone && use.zone == nullptr) {
            use.zone = limits::zone_named(cf, *zone);
            if (use.zone == nullptr) {
                return "there can be 64 zones";
            }
        } else if (const auto cost = parameter(argument, "cost"); cost && !has_cost) {
            has_cost = true;
            if (auto why = read_cost(cf, *cost, use)) {
                return why;
            }
        } else if (const auto delay = parameter(argument, "delay"); delay && !has_delay) {
            has_delay = true;
            const auto undelayed = ratelimit::parse_count(*delay, 0, ratelimit::kMaxBurst);
            if (!undelayed) {
                return "delay is a number from 0 to 1000000";
            }
            use.undelayed = *undelayed;
        } else if (to_view(argument) == "nodelay" && !has_delay) {
            has_delay = true;
            use.delays = false;
        } else if (to_view(argument) == "dry_run" && !use.dry_run) {
            use.dry_run = true;
        } else {
            return "invalid or repeated parameter \"" + std::string{to_view(argument)} + "\"";
        }
    }
    return use.zone == nullptr ? std::optional<std::string>{"needs zone=NAME, or is \"off\""} : std::nullopt;
}

/// The location that is merged; a server's own has no name.
const ngx_http_core_loc_conf_t &location(ngx_conf_t *cf) {
    return *static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

/// What could never have a key here, or would hold requests for too long.
char *check(ngx_conf_t *cf, const LocConf &conf, const Use &use) {
    const limits::Zone &zone = *use.zone;
    const bool is_location = location(cf).name.len != 0 && !location(cf).noname;
    if (is_location && zone.stage == Stage::kCaller && !is_authenticating(conf)) {
        return refuse_location(cf, "\"nexus_limit\" counts by caller, and nobody is authenticated here");
    }
    if (is_location && zone.stage == Stage::kConnection && !steps::needs_token(conf)) {
        return refuse_location(cf, "\"nexus_limit\" counts by connection, and none is used here");
    }
    if (zone.is_global && use.undelayed != 0) {
        return refuse_location(
            cf, "\"nexus_limit\" cannot delay by a global zone: what it counts has been asked for ahead");
    }
    const bool is_fixed = zone.rate_value == nullptr && zone.burst_value == nullptr;
    if (use.delays && !zone.is_global && is_fixed &&
        zone.limit.burst_tolerance - use.undelayed * zone.limit.emission_interval > limits::kMaxDelay) {
        return refuse_location(cf,
                               "\"nexus_limit\" would hold requests for more than a minute: say \"nodelay\", "
                               "or a larger \"delay=\"");
    }
    return NGX_CONF_OK;
}

}  // namespace

ngx_conf_enum_t limits::headers_modes[] = {
    {ngx_string("off"), static_cast<ngx_uint_t>(limits::Headers::kOff)},
    {ngx_string("ietf"), static_cast<ngx_uint_t>(limits::Headers::kIetf)},
    {ngx_string("x"), static_cast<ngx_uint_t>(limits::Headers::kX)},
    {ngx_null_string, 0},
};

char *on_nexus_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    LimitsConf &limits = static_cast<LocConf *>(conf)->limits;
    const bool is_said = limits.uses != NGX_CONF_UNSET_PTR;
    if (cf->args->nelts == 2 && to_view(arguments(cf)[1]) == "off") {
        if (is_said) {
            return refuse(cf, cmd, "\"off\" stands alone");
        }
        limits.uses = nullptr;
        return NGX_CONF_OK;
    }
    if (is_said && limits.uses == nullptr) {
        return refuse(cf, cmd, "\"off\" stands alone");
    }
    if (!is_said) {
        limits.uses = ngx_array_create(cf->pool, 2, sizeof(Use));
    }
    if (limits.uses == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    return guarded_or<char *>(static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_limit", [&]() -> char * {
        Use use{.zone = nullptr,
                .cost = 1,
                .cost_value = nullptr,
                .delays = true,
                .undelayed = 0,
                .dry_run = false};
        if (const auto why = read_use(cf, use)) {
            return why->empty() ? static_cast<char *>(NGX_CONF_ERROR) : refuse(cf, cmd, *why);
        }
        const auto *uses = static_cast<const Use *>(limits.uses->elts);
        for (ngx_uint_t i = 0; i < limits.uses->nelts; ++i) {
            if (uses[i].zone == use.zone) {
                return refuse(cf, cmd, "the zone is used twice here");
            }
        }
        if (limits.uses->nelts == limits::kMaxUses) {
            return refuse(cf, cmd, "there can be 8 in one place");
        }
        auto *place = static_cast<Use *>(ngx_array_push(limits.uses));
        if (place == nullptr) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        *place = use;
        return NGX_CONF_OK;
    });
}

void init_limits_conf(LimitsConf &conf) noexcept {
    conf.uses = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf.headers = NGX_CONF_UNSET_UINT;
}

char *merge_limits_conf(ngx_conf_t *cf, const LocConf &prev, LocConf &conf) noexcept {
    LimitsConf &limits = conf.limits;
    const bool is_said_here = limits.uses != NGX_CONF_UNSET_PTR;
    ngx_conf_merge_ptr_value(limits.uses, prev.limits.uses, nullptr);
    ngx_conf_merge_uint_value(limits.headers, prev.limits.headers,
                              static_cast<ngx_uint_t>(limits::Headers::kOff));
    if (limits.headers != static_cast<ngx_uint_t>(limits::Headers::kOff)) {
        main_conf(cf)->limit_headers_used = 1;
    }
    // What the http block says is merged into servers only.
    const bool is_new = is_said_here || location(cf).name.len == 0;
    limits.stages = 0;
    for (ngx_uint_t i = 0; limits.uses != nullptr && i < limits.uses->nelts; ++i) {
        const Use &use = static_cast<const Use *>(limits.uses->elts)[i];
        limits.stages |= 1U << static_cast<unsigned>(use.zone->stage);
        if (char *rc = is_new ? check(cf, conf, use) : NGX_CONF_OK; rc != NGX_CONF_OK) {
            return rc;
        }
    }
    return NGX_CONF_OK;
}

}  // namespace nexus::edge
