// What a provider's answer says about DPoP nonces (RFC 9449 sections 8 and 9).
#pragma once

#include <string_view>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// From here on the nonce that the answer brings is remembered for that origin ("" = for none). returns
/// NGX_OK or NGX_ERROR
ngx_int_t expect_dpop_nonce(ngx_http_request_t *r, std::string_view origin);

/// Is it a 401 that only asks for a proof with the nonce that it brings?
bool asks_for_dpop_nonce(const ngx_http_request_t *r) noexcept;

/// Registers the filter; in postconfiguration, behind the one that holds answers back (which comes after it
/// in the chain then).
void init_dpop_answer() noexcept;

}  // namespace nexus::edge
