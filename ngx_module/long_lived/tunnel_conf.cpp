// Parsing of nexus_ws_max_age.
#include "ngx_module/long_lived/tunnel_conf.h"

#include "ngx_module/conf.h"
#include "ngx_module/ngx/conf_args.h"

namespace nexus::edge {

char *on_nexus_ws_max_age(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *lcf = static_cast<LocConf *>(conf);
    if (lcf->ws_max_age != NGX_CONF_UNSET_MSEC) {
        return refuse(cf, cmd, "is duplicate");
    }
    const std::string_view text = to_view(static_cast<const ngx_str_t *>(cf->args->elts)[1]);
    if (text == "off") {
        lcf->ws_max_age = kTunnelsUnwatched;
        return NGX_CONF_OK;
    }
    if (text == "token") {
        lcf->ws_max_age = kTunnelsAsCredential;
        return NGX_CONF_OK;
    }
    constexpr ngx_msec_t kLeast = 1000, kMost = ngx_msec_t{366} * 24 * 3600 * 1000;
    const std::optional<ngx_msec_t> ms = parse_msec(text, kLeast, kMost);
    if (!ms) {
        return refuse(cf, cmd, "takes \"token\", \"off\", or a time from 1s to 366d");
    }
    lcf->ws_max_age = *ms;
    return NGX_CONF_OK;
}

}  // namespace nexus::edge
