// nexus_cache_key: the keyring that opens sealed records. Read in the master while the configuration is
// loaded, kept in its memory and inherited by the workers, wiped with the cycle.
#pragma once

#include "ngx_module/conf.h"
#include "shared/crypto/keyring.h"

namespace nexus::edge {

struct KeyringConf {
    crypto::Keyring keyring;
};

/// nexus_cache_key file:PATH|env:NAME [previous=file:PATH|env:NAME];   http
char *on_nexus_cache_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

/// Where lookups are used, the configuration is refused without a keyring: there always is one then.
const crypto::Keyring &cache_keyring(const MainConf &conf) noexcept;

}  // namespace nexus::edge
