// What scrubbing knows of one request. It stays over internal redirects (error_page, X-Accel-Redirect), which
// clear the module's context: nginx takes header lines of the provider's answer along.
#pragma once

#include <optional>

#include "ngx_module/ngx/ngx.h"
#include "ngx_module/scrub/scrub.h"
#include "shared/scrub/body_mask.h"

namespace nexus::edge {

struct Scrubbing {
    const ScrubConf *conf = nullptr;  // of the location that serves the request now
    scrub::Mask mask;
    std::optional<scrub::BodyMask> body;  // while a body is looked into
    ngx_chain_t *free = nullptr;          // buffers of ours
    ngx_chain_t *busy = nullptr;
    const ngx_http_upstream_t *upstream = nullptr;  // the last one that was sent a credential
    bool drops_earlier_cookies = false;             // a location before this one said so
    bool is_told = false;                           // that something was covered
    bool is_refused = false;                        // the provider's answer: what goes out is nginx's own

    /// Counts and logs it, once for each answer.
    void tell(const ngx_http_request_t *r, const char *where);
};

/// nullptr: nothing is looked for.
Scrubbing *find_scrubbing(const ngx_http_request_t *r) noexcept;

/// Covers what is found in a copy, which the text becomes: what a module adds to an answer, or the gRPC
/// module reads of one, may be text that nobody may write to. returns whether there was something
bool cover_copy(ngx_http_request_t *r, const scrub::Mask &mask, ngx_str_t &text);

/// The body filter; its next one is set in init_scrubbing.
ngx_int_t scrub_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept;
extern ngx_http_output_body_filter_pt g_after_scrub_body;

}  // namespace nexus::edge
