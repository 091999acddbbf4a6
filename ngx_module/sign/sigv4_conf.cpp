// Reading nexus_sigv4.
#include "ngx_module/sign/sigv4_conf.h"

#include "ngx_module/conf.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::edge {

namespace {

/// returns nullptr, or why the argument is refused
const char *read(Sigv4Conf &conf, const ngx_str_t &argument) {
    if (const auto payload = parameter(argument, "payload")) {
        if (*payload != "buffer" && *payload != "unsigned") {
            return "takes payload=buffer or payload=unsigned";
        }
        conf.payload = *payload == "buffer" ? PayloadMode::kBuffer : PayloadMode::kUnsigned;
        return nullptr;
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
    return "takes payload=, region= and service=";
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
        if (made->payload == PayloadMode::kUnsigned && made->service.len != 0 &&
            to_view(made->service) != "s3") {
            return refuse(cf, cmd,
                          "can leave a payload unsigned for service=s3 only: no other service takes that");
        }
        lcf->sigv4 = made.get();
        return NGX_CONF_OK;
    });
}

const Sigv4Conf &default_sigv4() noexcept {
    static const Sigv4Conf conf;
    return conf;
}

}  // namespace nexus::edge
