// One label is a zone's name: there are as many as the configuration declares, 64 at most.
#include "ngx_module/limits/metrics.h"

#include <string_view>

#include "ngx_module/conf.h"
#include "ngx_module/limits/conf.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge::limits {

namespace {

constexpr std::string_view kFamily = "nexus_limit_requests_total";
constexpr std::string_view kForgottenFamily = "nexus_limit_forgotten_keys_total";

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
    append_family(out, kForgottenFamily,
                  "Keys that still owed something and were forgotten for want of room.");
    for (size_t i = 0; i < count; ++i) {
        const Zone &zone = *static_cast<Zone *const *>(zones->elts)[i];
        out.append(kForgottenFamily).append("{zone=\"").append(to_view(zone.name)).append("\"} ");
        out.append(std::to_string(zone.memory->sum(Tally::kForgotten))).append("\n");
    }
}

}  // namespace nexus::edge::limits
