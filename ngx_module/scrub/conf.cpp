// Reading nexus_scrub_response.
#include "ngx_module/conf.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/scrub/scrub.h"

namespace nexus::edge {

namespace {

const char *read(ScrubConf &conf, const ngx_str_t &argument) {
    if (const auto text = parameter(argument, "body")) {
        ngx_str_t size = to_ngx_str(*text);
        const off_t bytes = ngx_parse_offset(&size);
        conf.body_bytes = bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
        return bytes > 0 ? nullptr : "takes body=SIZE, such as body=64k";
    }
    if (const auto text = parameter(argument, "set_cookie")) {
        conf.drops_cookies = *text == "drop";
        return *text == "drop" || *text == "pass" ? nullptr : "takes set_cookie=pass or set_cookie=drop";
    }
    return "takes body=SIZE and set_cookie=pass|drop";
}

}  // namespace

char *on_nexus_scrub_response(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    return guarded_or<char *>(
        static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_scrub_response", [&]() -> char * {
            auto *lcf = static_cast<LocConf *>(conf);
            if (lcf->scrub != NGX_CONF_UNSET_PTR) {
                return refuse(cf, cmd, "is duplicate");
            }
            const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
            const std::string_view mode = to_view(arguments[1]);
            if (mode == "off" && cf->args->nelts == 2) {
                lcf->scrub = nullptr;
                return NGX_CONF_OK;
            }
            if (mode != "on") {
                return refuse(cf, cmd, "takes off, or on [body=SIZE] [set_cookie=pass|drop]");
            }
            const auto made = PoolPtr<ScrubConf>::make(cf->pool);
            if (!made) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }
            for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
                if (const char *why = read(*made, arguments[i]); why != nullptr) {
                    return refuse(cf, cmd, why);
                }
            }
            lcf->scrub = made.get();
            return NGX_CONF_OK;
        });
}

}  // namespace nexus::edge
