// One label is a zone's name: there are as many as the configuration declares, 64 at most.
#include "ngx_module/limits/metrics.h"

#include <string_view>

#include "ngx_module/conf.h"
#include "ngx_module/limits/conf.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge::limits {

namespace {

constexpr std::string_view kFamily = "nexus_limit_requests_total";
constexpr struct {
    Tally tally;
    std::string_view name;
    std::string_view help;
} kFamilies[] = {
    {Tally::kForgotten, "nexus_limit_forgotten_keys_total",
     "Keys that still owed something and were forgotten for want of room."},
    {Tally::kRedisCalls, "nexus_limit_redis_calls_total", "Questions of global limits to Redis."},
    {Tally::kWithoutRedis, "nexus_limit_without_redis_total",
     "Requests that on_error decided, because Redis could not be asked."},
};

constexpr struct {
    Tally tally;
    std::string_view result;
} kResults[] = {
    {Tally::kAllowed, "allowed"},
    {Tally::kDelayed, "delayed"},
    {Tally::kRejected, "rejected"},
    {Tally::kDryRunDelayed, "delayed_dry_run"},
    {Tally::kDryRunRejected, "rejected_dry_run"},
    {Tally::kUnreadable, "unreadable"},
};

void append_family(std::string &out, std::string_view family, std::string_view help) {
    out.append("# HELP ").append(family).append(" ").append(help).append("\n");
    out.append("# TYPE ").append(family).append(" counter\n");
}

}  // namespace

void append_metrics(std::string &out) {
    const MainConf *mcf = main_conf(const_cast<ngx_cycle_t *>(ngx_cycle));
    append_family(out, kFamily, "Requests that a limit was asked about, by zone and what it said.");
    const ngx_array_t *zones = mcf->limit_zones;
    const size_t count = zones != nullptr ? zones->nelts : 0;
    for (size_t i = 0; i < count; ++i) {
        const Zone &zone = *static_cast<Zone *const *>(zones->elts)[i];
        for (const auto &[tally, result] : kResults) {
            out.append(kFamily).append("{zone=\"").append(to_view(zone.name)).append("\",result=\"");
            out.append(result).append("\"} ").append(std::to_string(zone.memory->sum(tally))).append("\n");
        }
    }
    for (const auto &[tally, name, help] : kFamilies) {
        append_family(out, name, help);
        for (size_t i = 0; i < count; ++i) {
            const Zone &zone = *static_cast<Zone *const *>(zones->elts)[i];
            out.append(name).append("{zone=\"").append(to_view(zone.name)).append("\"} ");
            out.append(std::to_string(zone.memory->sum(tally))).append("\n");
        }
    }
}

}  // namespace nexus::edge::limits
