// What the module knows of one request: the module context of nginx. Each part is written by the file named
// beside it and read by those that come later in the request. An internal redirect clears it (nginx does), so
// that the new location authenticates and resolves for itself.
#pragma once

#include <string_view>

#include "ngx_module/lookup/lookup.h"
#include "ngx_module/ngx/ngx.h"
#include "ngx_module/upstream/wrap.h"

namespace nexus::crypto {
class RunningSha256;
}

namespace nexus::edge {

struct Access;          // access/access.h
struct CorsRequest;     // cors/request.h
struct Replay;          // replay/replay.cpp
struct Scrubbing;       // scrub/state.h
struct StreamedBody;    // sign/streamed_body.h
class Tunnel;           // long_lived/tunnel.cpp
class WithdrawalWatch;  // long_lived/withdrawal.cpp
namespace limits {
struct Asked;  // limits/ask.h
}

struct RequestCtx {
    UpstreamWrap upstream;     // upstream/wrap.cpp
    Access *access = nullptr;  // access/access.cpp: set on main requests of guarded locations
    crypto::RunningSha256 *body_hash = nullptr;  // sign/body_hash.cpp: set where the body is signed
    StreamedBody *streamed_body = nullptr;       // sign/streamed_body.cpp: set where it is signed in chunks
    Replay *replay = nullptr;                    // replay/replay.cpp: set where a 401 is not the end
    Tunnel *tunnel = nullptr;  // long_lived/tunnel.cpp: set when a watched connection was upgraded
    WithdrawalWatch *withdrawal = nullptr;  // long_lived/withdrawal.cpp: set on requests that last
    Scrubbing *scrubbing = nullptr;         // scrub/scrub.cpp: set where the answer is scrubbed
    CorsRequest *cors = nullptr;            // cors/request.cpp: set on main requests where nexus_cors is on
    limits::Asked *limits = nullptr;        // limits/ask.cpp: set on main requests that were limited
    unsigned limit_stages = 0;              // limits/ask.cpp: bits of those that are done, in this location
    std::string_view dpop_origin;           // sign/dpop_answer.cpp: set where a proof of ours was sent
    std::string_view error;  // answer/errors.cpp: the code of the refusal that was sent; static text
};

/// nullptr if the request has none (yet).
RequestCtx *request_ctx(const ngx_http_request_t *r) noexcept;

/// The context, made if need be. nullptr: out of memory
RequestCtx *ensure_request_ctx(ngx_http_request_t *r) noexcept;

}  // namespace nexus::edge
