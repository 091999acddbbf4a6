// What nexus_cors has found out about a request. It lies in a cleanup of the request's pool, where it
// survives internal redirects, which clear the module's context. For the files of this room.
#pragma once

#include "ngx_module/cors/cors.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/cors/policy.h"

namespace nexus::edge {

/// Of a request with an Origin header.
struct Asked {
    cors::Request request;
    cors::Judgement judgement;
};

struct CorsRequest {
    const CorsPolicy *policy;  // nullptr: rewritten into a location without one
    const Asked *asked;        // nullptr: there is no Origin header
    bool is_redirected;        // something else has decided: a preflight is not answered any more
};

/// As far as it was judged, internal redirects included; nullptr: not at all.
CorsRequest *find_cors_request(const ngx_http_request_t *r) noexcept;

/// Judges the request by `policy` (nullptr: there is none). known: what was found out before, or nullptr
/// returns nullptr: out of memory
CorsRequest *judge_cors_request(ngx_http_request_t *r, CorsRequest *known, const CorsPolicy *policy) noexcept;

/// Puts the policy's header lines on the answer, in the place of those that are there. `request.policy` is
/// not nullptr. returns NGX_OK or NGX_ERROR
ngx_int_t put_on_policy_lines(ngx_http_request_t *r, const CorsRequest &request);

/// Makes whatever the answer is one to a preflight: 204, without a body.
void make_preflight_answer(ngx_http_request_t *r) noexcept;

}  // namespace nexus::edge
