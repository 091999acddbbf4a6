// nexus_limit_zone.
#include <algorithm>
#include <optional>
#include <string>

#include "ngx_module/conf.h"
#include "ngx_module/limits/conf.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "shared/crypto/siphash.h"

namespace nexus::edge {

namespace {

using limits::Memory;
using limits::Stage;
using limits::Zone;

constexpr size_t kUsualBytes = size_t{1024} * 1024;
constexpr size_t kMaxNameSize = 64;
constexpr ratelimit::Micros kUsualLease = ratelimit::kSecond / 10;
constexpr ngx_msec_t kMaxLeaseMs = 10'000;
constexpr int64_t kMaxEdges = 10'000;
constexpr ratelimit::Micros kMaxCapacity = ratelimit::kMaxEmissionInterval;

const ngx_str_t *arguments(const ngx_conf_t *cf) {
    return static_cast<const ngx_str_t *>(cf->args->elts);
}

bool is_name(std::string_view name) {
    constexpr std::string_view kCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    return !name.empty() && name.size() <= kMaxNameSize &&
           name.find_first_not_of(kCharacters) == std::string_view::npos;
}

/// Reads the parameters of one directive. What its members return is why it is refused; nullopt: it is fine;
/// "": that was logged.
class Parameters {
public:
    Parameters(ngx_conf_t *cf, Zone &zone) : cf_(cf), zone_(zone) {}

    std::optional<std::string> read() {
        for (ngx_uint_t i = 2; i < cf_->args->nelts; ++i) {
            if (auto why = read(arguments(cf_)[i])) {
                return why;
            }
        }
        return !has_key_    ? std::optional<std::string>{"needs key=, such as key=address"}
               : !has_rate_ ? std::optional<std::string>{"needs rate=, such as rate=10r/s"}
                            : settle();
    }

    size_t bytes() const { return bytes_; }

private:
    std::optional<std::string> read(const ngx_str_t &argument) {
        if (const auto key = parameter(argument, "key"); key && !has_key_) {
            has_key_ = true;
            return read_key(*key);
        }
        if (const auto rate = parameter(argument, "rate"); rate && !has_rate_) {
            has_rate_ = true;
            return read_rate(*rate);
        }
        if (const auto burst = parameter(argument, "burst"); burst && !has_burst_) {
            has_burst_ = true;
            return read_burst(*burst);
        }
        if (const auto size = parameter(argument, "size"); size && bytes_ == kUsualBytes) {
            return read_size(*size);
        }
        if (const auto after = parameter(argument, "after"); after && after_ == Stage::kEarly) {
            after_ = *after == "caller" ? Stage::kCaller : Stage::kConnection;
            return *after == "caller" || *after == "connection"
                       ? std::nullopt
                       : std::optional<std::string>{"after is \"caller\" or \"connection\""};
        }
        if (std::optional<std::string> why; read_global(argument, why)) {
            return why;
        }
        return "invalid or repeated parameter \"" + std::string{to_view(argument)} + "\"";
    }

    /// Those of global limits. returns false: it is none of them
    bool read_global(const ngx_str_t &argument, std::optional<std::string> &why) {
        if (const auto scope = parameter(argument, "scope"); scope && !has_scope_) {
            has_scope_ = true;
            zone_.is_global = *scope == "global";
            if (!zone_.is_global && *scope != "local") {
                why = "scope is \"local\" or \"global\"";
            }
            return true;
        }
        if (const auto lease = parameter(argument, "lease"); lease && !has_lease_) {
            has_lease_ = true;
            const auto ms = parse_msec(*lease, 0, kMaxLeaseMs);
            zone_.lease = static_cast<ratelimit::Micros>(ms.value_or(0)) * 1000;
            if (!ms) {
                why = "lease is a time of at most 10s, such as 100ms; 0: each request asks";
            }
            return true;
        }
        if (const auto on_error = parameter(argument, "on_error"); on_error && !has_on_error_) {
            has_on_error_ = true;
            zone_.on_error = *on_error == "allow"  ? limits::OnError::kAllow
                             : *on_error == "deny" ? limits::OnError::kDeny
                                                   : limits::OnError::kLocal;
            if (zone_.on_error == limits::OnError::kLocal && *on_error != "local") {
                why = "on_error is \"local\", \"allow\" or \"deny\"";
            }
            return true;
        }
        if (const auto edges = parameter(argument, "edges"); edges && !has_edges_) {
            has_edges_ = true;
            const auto count = ratelimit::parse_count(*edges, 1, kMaxEdges);
            zone_.edges = count.value_or(1);
            if (!count) {
                why = "edges is a number from 1 to 10000";
            }
            return true;
        }
        return false;
    }

    std::optional<std::string> read_key(std::string_view text) {
        zone_.salt = crypto::siphash({}, text);
        zone_.key_text = copy_to_pool(cf_->pool, text);
        if (zone_.key_text.data == nullptr) {
            return "";
        }
        if (const auto kind = limits::parse_key_kind(text)) {
            zone_.key.kind = *kind;
            need(limits::stage_of(*kind));
            return std::nullopt;
        }
        if (text.find('$') == std::string_view::npos) {
            return "key is \"address\", \"caller\", \"workspace\", \"connection\", \"provider\", \"all\" or "
                   "a "
                   "value with variables";
        }
        return compile_into(zone_.key.value, text);
    }

    std::optional<std::string> read_rate(std::string_view text) {
        if (text.find('$') != std::string_view::npos) {
            return compile_into(zone_.rate_value, text);
        }
        const auto rate = ratelimit::parse_rate(text);
        if (!rate) {
            return "rate is a number with r/s, r/m, r/h or r/d, such as 30r/m";
        }
        zone_.rate = *rate;
        return std::nullopt;
    }

    std::optional<std::string> read_burst(std::string_view text) {
        if (text.find('$') != std::string_view::npos) {
            return compile_into(zone_.burst_value, text);
        }
        const auto burst = ratelimit::parse_count(text, 0, ratelimit::kMaxBurst);
        if (!burst) {
            return "burst is a number from 0 to 1000000";
        }
        zone_.burst = *burst;
        return std::nullopt;
    }

    std::optional<std::string> read_size(std::string_view text) {
        ngx_str_t line = to_ngx_str(text);
        const ssize_t bytes = ngx_parse_size(&line);
        if (bytes == NGX_ERROR || static_cast<size_t>(bytes) < Memory::kLeastBytes) {
            return "size is at least 32k";
        }
        bytes_ = static_cast<size_t>(bytes);
        return std::nullopt;
    }

    std::optional<std::string> compile_into(ngx_http_complex_value_t *&value, std::string_view text) {
        need(limits::stage_of_value(text));
        value = compile_value(cf_, text);
        return value != nullptr ? std::nullopt : std::optional<std::string>{""};
    }

    void need(Stage stage) { zone_.stage = std::max(zone_.stage, stage); }

    std::optional<std::string> settle() {
        need(after_);
        if (!zone_.is_global && (has_lease_ || has_on_error_ || has_edges_)) {
            return "lease, on_error and edges are for scope=global";
        }
        if (!has_lease_) {
            zone_.lease = kUsualLease;
        }
        if (zone_.rate_value != nullptr) {
            return std::nullopt;
        }
        zone_.limit = ratelimit::make_limit(zone_.rate.requests, zone_.rate.period, zone_.burst);
        return zone_.limit.burst_tolerance > kMaxCapacity
                   ? std::optional<std::string>{"at this rate such a burst would take more than a year"}
                   : std::nullopt;
    }

    ngx_conf_t *cf_;
    Zone &zone_;
    bool has_key_ = false;
    bool has_rate_ = false;
    bool has_burst_ = false;
    bool has_scope_ = false;
    bool has_lease_ = false;
    bool has_on_error_ = false;
    bool has_edges_ = false;
    size_t bytes_ = kUsualBytes;
    Stage after_ = Stage::kEarly;
};

}  // namespace

char *on_nexus_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *) noexcept {
    return guarded_or<char *>(
        static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_limit_zone", [&]() -> char * {
            const std::string_view name = to_view(arguments(cf)[1]);
            if (!is_name(name)) {
                return refuse(cf, cmd,
                              "needs a name first, of up to 64 letters, digits, \"_\", \".\" and \"-\"");
            }
            Zone *zone = limits::zone_named(cf, name);
            if (zone == nullptr) {
                return refuse(cf, cmd, "there can be 64 zones");
            }
            if (zone->memory != nullptr) {
                return refuse(cf, cmd, "the zone \"" + std::string{name} + "\" is declared twice");
            }
            Parameters parameters(cf, *zone);
            if (const auto why = parameters.read()) {
                return why->empty() ? static_cast<char *>(NGX_CONF_ERROR) : refuse(cf, cmd, *why);
            }
            const std::string_view prefix = zone->is_global ? "nexus_global_limit:" : "nexus_limit:";
            zone->memory =
                Memory::add(cf, std::string{prefix}.append(name), parameters.bytes(), zone->is_global);
            return zone->memory != nullptr ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
        });
}

namespace limits {

Zone *zone_named(ngx_conf_t *cf, std::string_view name) noexcept {
    MainConf *mcf = main_conf(cf);
    if (mcf->limit_zones == nullptr) {
        mcf->limit_zones = ngx_array_create(cf->pool, 4, sizeof(Zone *));
        if (mcf->limit_zones == nullptr) {
            return nullptr;
        }
    }
    auto **zones = static_cast<Zone **>(mcf->limit_zones->elts);
    for (ngx_uint_t i = 0; i < mcf->limit_zones->nelts; ++i) {
        if (to_view(zones[i]->name) == name) {
            return zones[i];
        }
    }
    if (mcf->limit_zones->nelts == kMaxZones) {
        return nullptr;
    }
    auto *zone = static_cast<Zone *>(ngx_pcalloc(cf->pool, sizeof(Zone)));
    auto **place = static_cast<Zone **>(ngx_array_push(mcf->limit_zones));
    const ngx_str_t copy = copy_to_pool(cf->pool, name);
    if (zone == nullptr || place == nullptr || copy.data == nullptr) {
        return nullptr;
    }
    *place = ::new (zone) Zone{};
    zone->name = copy;
    zone->edges = 1;
    zone->used_in = cf->conf_file->file.name;
    zone->used_at = cf->conf_file->line;
    return zone;
}

ngx_int_t check_zones(ngx_conf_t *cf) noexcept {
    const ngx_array_t *zones = main_conf(cf)->limit_zones;
    for (ngx_uint_t i = 0; zones != nullptr && i < zones->nelts; ++i) {
        const Zone &zone = *static_cast<Zone *const *>(zones->elts)[i];
        if (zone.is_global && main_conf(cf)->redis == nullptr) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"nexus_limit_zone %V\" is global, which needs \"nexus_redis\", in %V:%ui",
                          &zone.name, &zone.used_in, zone.used_at);
            return NGX_ERROR;
        }
        if (zone.memory == nullptr) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"nexus_limit\": there is no \"nexus_limit_zone %V\" in %V:%ui", &zone.name,
                          &zone.used_in, zone.used_at);
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

}  // namespace limits
}  // namespace nexus::edge
