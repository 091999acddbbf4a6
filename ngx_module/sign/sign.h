// Signing the proxied request, for strategies whose credential is not sent (shared/strategy/signing.h).
#pragma once

#include <string_view>

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// In the access phase, before the body is read. returns NGX_OK or NGX_ERROR
ngx_int_t prepare_signing(const Access &access);

/// Signs the serialised request, and puts the signature on. returns NGX_OK, or the result of refuse_upstream
ngx_int_t sign_upstream(ngx_http_request_t *r, const Access &access);

}  // namespace nexus::edge
