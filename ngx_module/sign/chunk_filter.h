// Sending a request's body in chunks that we sign (shared/sigv4/reframer.h), while it arrives or from where
// nginx keeps it.
#pragma once

#include "ngx_module/ngx/ngx.h"
#include "shared/sigv4/reframer.h"

namespace nexus::edge {

/// For a request with a streamed_body, its upstream set up and not started: what is sent behind its first
/// buffer (the head) goes through a Reframer; a retry begins anew. returns NGX_OK, or NGX_ERROR (out of
/// memory)
ngx_int_t send_in_chunks(ngx_http_request_t *r, const sigv4::BodyPlan &plan, sigv4::ChunkSeed seed);

}  // namespace nexus::edge
