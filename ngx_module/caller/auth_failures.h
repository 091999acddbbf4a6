// Failed attempts to authenticate, limited per client address: GCRA in shared memory, without a lock. An
// address over its limit is answered before anything is looked up or verified for it; who is known already
// (in L1, or by a token that this worker has verified) goes on, so that one bad neighbour does not lock
// others out.
#pragma once

#include <string_view>

#include "ngx_module/conf.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/ratelimit/gcra.h"

namespace nexus::edge {

/// nexus_auth_failures
struct AuthFailuresConf {
    ratelimit::Limit limit;
};

/// nexus_auth_failures off | rate=N r/s|r/m|r/h|r/d [burst=N];   http, server, location
char *on_nexus_auth_failures(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

/// What holds where nobody said anything.
const AuthFailuresConf *default_auth_failures() noexcept;

namespace auth_failures {

/// Adds the table's zone to the configuration; once per http block. returns NGX_OK or NGX_ERROR
ngx_int_t add_zone(ngx_conf_t *cf) noexcept;

/// Seconds that the request's address must wait, 0 = it may try.
int seconds_to_wait(const ngx_http_request_t *r, const AuthFailuresConf &conf) noexcept;

/// Counts a failed attempt of the request's address.
void note(const ngx_http_request_t *r, const AuthFailuresConf &conf) noexcept;

/// May an issuer be asked for newer keys now? At most once in 30 s by all workers.
bool may_ask_for_keys(const ngx_http_request_t *r, std::string_view issuer_sha256) noexcept;

}  // namespace auth_failures
}  // namespace nexus::edge
