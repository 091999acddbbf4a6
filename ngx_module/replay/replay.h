// nexus_retry_unauthorized: a provider that answers 401 has ended the token early. Its answer is held back,
// the token is refreshed (once for the fleet, as every refresh), and the request is sent once more with the
// new one. If it only wants its nonce in the DPoP proof, the request is sent once more with that.
#pragma once

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// nexus_retry_unauthorized off | on [max_body=1m];
struct ReplayConf {
    size_t max_body = 1024 * 1024;  // bytes of a request's body with which it is sent again
};
char *on_nexus_retry_unauthorized(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

/// In the access phase, when it is clear that the credential goes on: remembers what the answer's head was
/// before the first attempt. returns NGX_OK or NGX_ERROR
ngx_int_t prepare_replay(Access &access);

/// Registers the filters; in postconfiguration.
void init_replay() noexcept;

}  // namespace nexus::edge
