// nexus_cors and its siblings: what was said in a block, and the policy that follows from it.
#pragma once

#include <string>
#include <vector>

#include "ngx_module/ngx/ngx.h"

namespace nexus::cors {
class OriginSet;
}

namespace nexus::edge {

enum class CorsMode : ngx_uint_t { kOff, kOn, kEnforce, kShadow };

struct CorsPolicy;  // cors.h

/// Part of LocConf. Pointers: nullptr = none, NGX_CONF_UNSET_PTR = not said.
struct CorsConf {
    ngx_uint_t mode;                    // nexus_cors: CorsMode
    cors::OriginSet *origins;           // nexus_cors_origins
    std::vector<std::string> *methods;  // nexus_cors_methods
    std::vector<std::string> *headers;  // nexus_cors_headers; the one name "reflect" is that word
    std::vector<std::string> *expose;   // nexus_cors_expose
    time_t max_age;                     // nexus_cors_max_age, seconds
    ngx_flag_t credentials;             // nexus_cors_credentials
    ngx_flag_t private_network;         // nexus_cors_private_network
    const CorsPolicy *policy;           // nullptr: off
};

extern ngx_conf_enum_t cors_modes[];

char *on_nexus_cors_origins(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *on_nexus_cors_methods(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *on_nexus_cors_headers(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *on_nexus_cors_expose(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
char *on_nexus_cors_max_age(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

void init_cors_conf(CorsConf &conf) noexcept;
char *merge_cors_conf(ngx_conf_t *cf, CorsConf &prev, CorsConf &conf) noexcept;

}  // namespace nexus::edge
