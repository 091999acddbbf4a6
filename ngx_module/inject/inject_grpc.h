// A credential onto the header section that nginx's gRPC module has serialised: the counterpart, for HTTP/2,
// of what inject.cpp does to a request head. Where it may go is decided there.
#pragma once

#include <string>
#include <string_view>

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/http2/header_frames.h"
#include "shared/strategy/strategy.h"

namespace nexus::edge {

/// The serialised request, taken apart; views into its buffer. errors kInvalidRequest
Result<http2::HeaderFrames> grpc_frames(const ngx_http_request_t *r);

/// Where the request says that it goes: `:authority`, or `host` if grpc_set_header has set one. "" if it does
/// not say, or says more than one thing.
std::string grpc_authority(const http2::HeaderFrames &frames);

/// `:method` (the caller's own: nginx passes it on) or `:path`, "" if there is not exactly one.
std::string grpc_pseudo_field(const http2::HeaderFrames &frames, std::string_view name);

/// Can the connection be used for gRPC? Not if its strategy signs: what is signed must be known before
/// it is sent, and a stream is not. Nor if the credential belongs into a query, which gRPC's methods do not
/// have.
bool is_for_grpc(const record::TokenView &record) noexcept;

/// Writes the request anew, with the credential, in memory that is wiped when the request ends.
/// returns NGX_OK, or the result of refuse_upstream
ngx_int_t write_grpc_credential(ngx_http_request_t *r, const http2::HeaderFrames &frames,
                                const strategy::Injection &injection);

}  // namespace nexus::edge
