// Reading the keyring.
#include "ngx_module/record/cache_key.h"

#include <string>
#include <utility>

#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/secret_arg.h"

namespace nexus::edge {
namespace {

Result<crypto::Keyring> read_keyring(ngx_conf_t *cf, std::string_view reference,
                                     std::string_view previous_reference) {
    auto current = read_secret_argument(cf, reference);
    if (!current) {
        return fail(current.error());
    }
    Secret previous;
    if (!previous_reference.empty()) {
        auto read = read_secret_argument(cf, previous_reference);
        if (!read) {
            return fail(read.error());
        }
        previous = std::move(*read);
    }
    return crypto::Keyring::from_base64({reference, *current}, {previous_reference, previous});
}

}  // namespace

char *on_nexus_cache_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *mcf = static_cast<MainConf *>(conf);
    return guarded_or<char *>(
        static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_cache_key", [&]() -> char * {
            if (mcf->keyring != nullptr) {
                static char duplicate[] = "is duplicate";
                return duplicate;
            }
            const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
            std::string_view previous;
            if (cf->args->nelts == 3) {
                const auto value = parameter(arguments[2], "previous");
                if (!value || value->empty()) {
                    return refuse(cf, cmd,
                                  "invalid parameter \"" + std::string(to_view(arguments[2])) + "\"");
                }
                previous = *value;
            }

            Result<crypto::Keyring> keyring = read_keyring(cf, to_view(arguments[1]), previous);
            if (!keyring) {
                return refuse(cf, cmd, keyring.error().message);
            }
            PoolPtr<KeyringConf> kept =
                PoolPtr<KeyringConf>::make(cf->pool, KeyringConf{std::move(*keyring)});
            if (!kept) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }
            mcf->keyring = kept.get();
            return NGX_CONF_OK;
        });
}

const crypto::Keyring &cache_keyring(const MainConf &conf) noexcept {
    return conf.keyring->keyring;
}

}  // namespace nexus::edge
