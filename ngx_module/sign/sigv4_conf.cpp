// Reading nexus_sigv4.
#include "ngx_module/sign/sigv4_conf.h"

#include <algorithm>
#include <iterator>

#include "ngx_module/conf.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "shared/sigv4/canonical.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kPayloads[] = {"buffer", "unsigned", "stream"};  // in the order of PayloadMode

/// "REGION/SERVICE,*/SERVICE"
bool read_hints(std::vector<ScopeRule> &hints, std::string_view text) {
    while (true) {
        const size_t comma = text.find(',');
        const std::string_view rule = text.substr(0, comma);
        const size_t slash = rule.find('/');
        if (slash == std::string_view::npos) {
            return false;
        }
        const std::string_view region = rule.substr(0, slash), service = rule.substr(slash + 1);
        if ((region != "*" && !sigv4::is_scope_name(region)) || !sigv4::is_scope_name(service)) {
            return false;
        }
        hints.push_back({std::string{region}, std::string{service}});
        if (comma == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(comma + 1);
    }
}

bool is_s3(std::string_view service) {
    return sigv4::path_style_of(service) == sigv4::PathStyle::kS3;
}

/// What goes together. returns nullptr, or why it is refused
const char *check(const Sigv4Conf &conf) {
    if (!conf.hints.empty() && (conf.region.len != 0 || conf.service.len != 0)) {
        return "takes region and service from hints= or from region= and service=, not from both";
    }
    const bool is_other = conf.service.len != 0 && !is_s3(to_view(conf.service));
    const bool hints_at_other =
        std::ranges::any_of(conf.hints, [](const ScopeRule &rule) { return !is_s3(rule.service); });
    if (conf.payload == PayloadMode::kUnsigned && (is_other || hints_at_other)) {
        return "can leave a payload unsigned for service=s3 only: no other service takes that";
    }
    if (conf.payload == PayloadMode::kStream && is_other) {
        return "can stream a payload for service=s3 only: no other service takes that";
    }
    return nullptr;
}

/// returns nullptr, or why the argument is refused
const char *read(Sigv4Conf &conf, const ngx_str_t &argument) {
    if (const auto payload = parameter(argument, "payload")) {
        const auto *const known = std::ranges::find(kPayloads, *payload);
        if (known == std::end(kPayloads)) {
            return "takes payload=buffer, payload=unsigned or payload=stream";
        }
        conf.payload = static_cast<PayloadMode>(known - std::begin(kPayloads));
        return nullptr;
    }
    if (const auto hints = parameter(argument, "hints")) {
        return read_hints(conf.hints, *hints) ? nullptr : "takes hints=REGION/SERVICE,... (REGION may be *)";
    }
    for (const auto &[name, value] :
         {std::pair{"region", &conf.region}, std::pair{"service", &conf.service}}) {
        if (const auto text = parameter(argument, name)) {
            if (!sigv4::is_scope_name(*text)) {
                return "takes names of a-z, 0-9 and - for region and service";
            }
            *value = to_ngx_str(*text);
            return nullptr;
        }
    }
    return "takes payload=, region=, service= and hints=";
}

}  // namespace

char *on_nexus_sigv4(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    return guarded_or<char *>(static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_sigv4", [&]() -> char * {
        auto *lcf = static_cast<LocConf *>(conf);
        if (lcf->sigv4 != NGX_CONF_UNSET_PTR) {
            return refuse(cf, cmd, "is duplicate");
        }
        const auto made = PoolPtr<Sigv4Conf>::make(cf->pool);
        if (!made) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
        for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
            if (const char *why = read(*made, arguments[i]); why != nullptr) {
                return refuse(cf, cmd, why);
            }
        }
        if (const char *why = check(*made); why != nullptr) {
            return refuse(cf, cmd, why);
        }
        lcf->sigv4 = made.get();
        return NGX_CONF_OK;
    });
}

bool is_hint_allowed(const Sigv4Conf &conf, const sigv4::Scope &hint) noexcept {
    return std::ranges::any_of(conf.hints, [&](const ScopeRule &rule) {
        return (rule.region == "*" || rule.region == hint.region) && rule.service == hint.service;
    });
}

const Sigv4Conf &default_sigv4() noexcept {
    static const Sigv4Conf conf;
    return conf;
}

}  // namespace nexus::edge
