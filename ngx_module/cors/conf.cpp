// Parsing and merging; which combinations can be is the policy's business (shared/cors/).
#include "ngx_module/cors/conf.h"

#include <cstdlib>

#include "ngx_module/conf.h"
#include "ngx_module/cors/cors.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "shared/cors/policy.h"

namespace nexus::edge {

namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kEnv = "env:";
constexpr std::string_view kReflect = "reflect";
constexpr std::string_view kSeparators = ", \t\r\n";
constexpr size_t kMaxOrigins = 1000;
constexpr time_t kDefaultMaxAge = 600;
constexpr time_t kLongestMaxAge = 86'400;  // no browser keeps a preflight's answer for longer

const Names &default_methods() {
    static const Names names{"GET", "HEAD", "POST"};
    return names;
}

/// What callers of the gateway and the sidecar send.
const Names &default_headers() {
    static const Names names{"Authorization", "Content-Type", "X-API-Key", "X-Nexus-Connection",
                             "X-Nexus-Key"};
    return names;
}

/// What tells a page why it was refused and when to come back.
const Names &default_expose() {
    static const Names names{"Retry-After", "WWW-Authenticate"};
    return names;
}

char *const kError = static_cast<char *>(NGX_CONF_ERROR);

/// The object behind a pointer of CorsConf, made if the block has none yet. nullptr: out of memory
template <typename T>
T *own(ngx_conf_t *cf, T *&pointer) {
    if (pointer == NGX_CONF_UNSET_PTR) {
        pointer = PoolPtr<T>::make(cf->pool).get();
    }
    return pointer;
}

std::string_view argument(const ngx_conf_t *cf, ngx_uint_t i) {
    return to_view(static_cast<const ngx_str_t *>(cf->args->elts)[i]);
}

/// Adds the origins of a comma list. returns what is wrong with it, "" if nothing is
std::string add_origins(cors::OriginSet &origins, std::string_view list) {
    for (size_t count = 1;; ++count) {
        list.remove_prefix(std::min(list.find_first_not_of(kSeparators), list.size()));
        if (list.empty()) {
            return {};
        }
        if (count > kMaxOrigins) {
            return "more than 1000 origins";
        }
        const std::string_view entry = list.substr(0, list.find_first_of(kSeparators));
        if (const Result<void> added = origins.add(entry); !added) {
            return added.error().message;
        }
        list.remove_prefix(entry.size());
    }
}

std::string add_origins_of_environment(ngx_conf_t *cf, cors::OriginSet &origins, std::string_view reference) {
    const std::string name{reference.substr(kEnv.size())};
    if (name.empty()) {
        return "env: needs the name of a variable, e.g. env:CORS_ALLOWED_ORIGINS";
    }
    const char *value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') {
        ngx_conf_log_error(NGX_LOG_INFO, cf, 0, "\"nexus_cors_origins\": %s is not set, it allows no origin",
                           name.c_str());
        return {};
    }
    const std::string wrong = add_origins(origins, value);
    return wrong.empty() ? wrong : name + ": " + wrong;
}

using Parser = Result<Names> (*)(std::string_view text);

char *add_names(ngx_conf_t *cf, ngx_command_t *cmd, Names *&pointer, Parser parse) noexcept {
    return guarded_or<char *>(kError, cf->log, "nexus_cors", [&]() -> char * {
        Names *names = own(cf, pointer);
        if (names == nullptr) {
            return kError;
        }
        for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
            const Result<Names> parsed = parse(argument(cf, i));
            if (!parsed) {
                return refuse(cf, cmd, parsed.error().message);
            }
            names->insert(names->end(), parsed->begin(), parsed->end());
        }
        return NGX_CONF_OK;
    });
}

bool is_reflecting(const Names &headers) {
    return headers.size() == 1 && headers.front() == kReflect;
}

CorsMode mode_of(const CorsConf &conf) {
    return static_cast<CorsMode>(conf.mode);
}

cors::Settings settings_of(const CorsConf &conf) {
    const Names &headers = conf.headers != nullptr ? *conf.headers : default_headers();
    const bool reflecting = is_reflecting(headers);
    return {
        .origins = *conf.origins,
        .methods = conf.methods != nullptr ? *conf.methods : default_methods(),
        .headers = reflecting ? Names{} : headers,
        .expose = conf.expose != nullptr ? *conf.expose : default_expose(),
        .reflect_headers = reflecting,
        .max_age_s = static_cast<unsigned>(conf.max_age),
        .credentials = conf.credentials != 0,
        .private_network = conf.private_network != 0,
    };
}

char *make_policy(ngx_conf_t *cf, CorsConf &conf) {
    if (conf.origins == nullptr) {
        return refuse_location(
            cf, "\"nexus_cors_origins\" is missing: it says which origins \"nexus_cors\" allows");
    }
    Result<cors::Policy> policy = cors::Policy::make(settings_of(conf));
    if (!policy) {
        return refuse_location(cf, ("\"nexus_cors\": " + policy.error().message).c_str());
    }
    if (mode_of(conf) == CorsMode::kEnforce && policy->allows_any_origin()) {
        return refuse_location(
            cf, "\"nexus_cors enforce\" has nobody to refuse where every origin (\"*\") is allowed");
    }

    const auto made = PoolPtr<CorsPolicy>::make(cf->pool, CorsPolicy{std::move(*policy), mode_of(conf)});
    if (!made) {
        return kError;
    }
    conf.policy = made.get();
    main_conf(cf)->cors_used = 1;
    return NGX_CONF_OK;
}

bool says_nothing(const CorsConf &conf) {
    return conf.mode == NGX_CONF_UNSET_UINT && conf.origins == NGX_CONF_UNSET_PTR &&
           conf.methods == NGX_CONF_UNSET_PTR && conf.headers == NGX_CONF_UNSET_PTR &&
           conf.expose == NGX_CONF_UNSET_PTR && conf.max_age == NGX_CONF_UNSET &&
           conf.credentials == NGX_CONF_UNSET && conf.private_network == NGX_CONF_UNSET;
}

}  // namespace

ngx_conf_enum_t cors_modes[] = {
    {ngx_string("off"), static_cast<ngx_uint_t>(CorsMode::kOff)},
    {ngx_string("on"), static_cast<ngx_uint_t>(CorsMode::kOn)},
    {ngx_string("enforce"), static_cast<ngx_uint_t>(CorsMode::kEnforce)},
    {ngx_string("shadow"), static_cast<ngx_uint_t>(CorsMode::kShadow)},
    {ngx_null_string, 0},
};

char *on_nexus_cors_origins(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    return guarded_or<char *>(kError, cf->log, "nexus_cors_origins", [&]() -> char * {
        cors::OriginSet *origins = own(cf, lcf->cors.origins);
        if (origins == nullptr) {
            return kError;
        }
        for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
            const std::string_view text = argument(cf, i);
            const std::string wrong = text.starts_with(kEnv) ? add_origins_of_environment(cf, *origins, text)
                                                             : add_origins(*origins, text);
            if (!wrong.empty()) {
                return refuse(cf, cmd, wrong);
            }
        }
        return NGX_CONF_OK;
    });
}

char *on_nexus_cors_methods(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    return add_names(cf, cmd, static_cast<LocConf *>(conf)->cors.methods, cors::parse_methods);
}

char *on_nexus_cors_headers(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    Names *&headers = static_cast<LocConf *>(conf)->cors.headers;
    char *const rc = add_names(cf, cmd, headers, cors::parse_field_names);
    if (rc == NGX_CONF_OK && headers->size() > 1 &&
        std::find(headers->begin(), headers->end(), kReflect) != headers->end()) {
        return refuse(cf, cmd, "\"reflect\" allows every header: it stands alone");
    }
    return rc;
}

char *on_nexus_cors_expose(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    return add_names(cf, cmd, static_cast<LocConf *>(conf)->cors.expose, cors::parse_field_names);
}

char *on_nexus_cors_max_age(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    if (lcf->cors.max_age != NGX_CONF_UNSET) {
        static char duplicate[] = "is duplicate";
        return duplicate;
    }
    ngx_str_t value = to_ngx_str(argument(cf, 1));
    const ngx_int_t seconds = value.len == 0 ? NGX_ERROR : ngx_parse_time(&value, 1);
    if (seconds == NGX_ERROR || seconds > kLongestMaxAge) {
        return refuse(cf, cmd, "takes a time of at most 24h; 0: preflights are not remembered");
    }
    lcf->cors.max_age = seconds;
    return NGX_CONF_OK;
}

void init_cors_conf(CorsConf &conf) noexcept {
    conf.mode = NGX_CONF_UNSET_UINT;
    conf.origins = static_cast<cors::OriginSet *>(NGX_CONF_UNSET_PTR);
    conf.methods = static_cast<Names *>(NGX_CONF_UNSET_PTR);
    conf.headers = static_cast<Names *>(NGX_CONF_UNSET_PTR);
    conf.expose = static_cast<Names *>(NGX_CONF_UNSET_PTR);
    conf.max_age = NGX_CONF_UNSET;
    conf.credentials = NGX_CONF_UNSET;
    conf.private_network = NGX_CONF_UNSET;
    conf.policy = nullptr;
}

char *merge_cors_conf(ngx_conf_t *cf, CorsConf &prev, CorsConf &conf) noexcept {
    const bool inherits_all = says_nothing(conf);
    ngx_conf_merge_uint_value(conf.mode, prev.mode, static_cast<ngx_uint_t>(CorsMode::kOff));
    ngx_conf_merge_ptr_value(conf.origins, prev.origins, nullptr);
    ngx_conf_merge_ptr_value(conf.methods, prev.methods, nullptr);
    ngx_conf_merge_ptr_value(conf.headers, prev.headers, nullptr);
    ngx_conf_merge_ptr_value(conf.expose, prev.expose, nullptr);
    ngx_conf_merge_sec_value(conf.max_age, prev.max_age, kDefaultMaxAge);
    ngx_conf_merge_value(conf.credentials, prev.credentials, 0);
    ngx_conf_merge_value(conf.private_network, prev.private_network, 0);

    if (mode_of(conf) == CorsMode::kOff) {
        return NGX_CONF_OK;
    }
    if (inherits_all && prev.policy != nullptr) {
        conf.policy = prev.policy;
        return NGX_CONF_OK;
    }
    return guarded_or<char *>(kError, cf->log, "nexus_cors", [&] { return make_policy(cf, conf); });
}

}  // namespace nexus::edge
