// nexus_end_withdrawn: requests that last, because an answer goes on and on (events, a large file, a stream
// of gRPC) or a body is sent as it comes. The provider has judged the credential once, at their beginning;
// the edge ends them when it is withdrawn: by a revoke, a connection that needs a person, or a caller that
// was revoked. Its expiry ends nothing: who has begun in time may finish.
#pragma once

#include "ngx_module/access/access.h"

namespace nexus::edge {

/// Registers the header filter that notices answers that are not over yet; in postconfiguration, before what
/// holds answers back.
void init_withdrawals() noexcept;

/// For the upstream's create_request: the body of this request is sent while it arrives. NGX_OK or NGX_ERROR
ngx_int_t watch_sending(ngx_http_request_t *r, const Access &access) noexcept;

}  // namespace nexus::edge
