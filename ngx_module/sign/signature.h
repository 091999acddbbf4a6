// Making a request's signature and putting it on; what sign.cpp and sign_in_chunks.cpp share.
#pragma once

#include <string>
#include <string_view>

#include "ngx_module/access/access.h"
#include "ngx_module/sign/sent_body.h"
#include "shared/strategy/signing.h"
#include "shared/wiped_scratch.h"

namespace nexus::edge {

/// What the caller can do something about, and is told.
struct CallersFault {
    Errc errc;
    std::string_view why;  // static text
    int status = 0;        // 0 = the usual one of `errc`
};

/// Both return the result of refuse_upstream.
ngx_int_t refuse_to_sign(ngx_http_request_t *r, const Access &access, const CallersFault &fault);
ngx_int_t refuse_to_sign(ngx_http_request_t *r, const Access &access, const char *why);

/// What goes before the record: the caller's dummy signature where callers are asked, or the directive.
strategy::SigningChoice choice_of(const Access &access);

/// Whose DPoP nonces they are; "" where no proof is made.
std::string dpop_origin(const ngx_http_request_t *r, const Access &access);

/// For heads of the usual size, in their own and in their canonical form.
using SigningScratch = WipedScratch<4096>;

/// What is sent, but for what signing adds.
struct ToSend {
    std::string_view head;  // request_head
    const SentBody &body;
    std::string_view payload_hash;  // for aws_sigv4: x-amz-content-sha256
    SigningScratch *scratch;        // outlives the signature
};

Result<strategy::Signature> make_signature(const ngx_http_request_t *r, const Access &access,
                                           const ToSend &sent);

/// returns NGX_OK, or the result of refuse_upstream
ngx_int_t put_on_signature(ngx_http_request_t *r, const strategy::Signature &signature);

}  // namespace nexus::edge
