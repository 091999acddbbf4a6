// Answers that the module makes itself: JSON bodies, refusals with the error body of DESIGN 4. They are sent
// by us and not by nginx's error pages, so that `error_page` cannot replace them.
#pragma once

#include <string_view>

#include <jansson.h>

#include "ngx_module/ngx/ngx.h"
#include "shared/errc.h"

namespace nexus::edge {

/// What a caller is told when it does not get what it asked for. Text members must outlive the call only.
struct Refusal {
    Errc errc = Errc::kInternal;
    std::string_view message = {};        // a sentence; "" = the usual one for `errc`
    std::string_view reason = {};         // attention_required
    std::string_view reconnect_url = {};  // attention_required
    std::string_view allow = {};          // 405: value of Allow
    int retry_after_s = 0;                // 0 = none, except that every 503 gets one
};

/// Makes jansson wipe what it frees. Once per process, before the first answer.
void init_answers() noexcept;

/// Sends `body` (taken over) with Cache-Control: no-store; discards the request's body; HEAD gets the head
/// only. returns what ngx_http_finalize_request takes
ngx_int_t send_json(ngx_http_request_t *r, ngx_uint_t status, json_t *body) noexcept;

/// Sends the error body; counts the refusal. returns what ngx_http_finalize_request takes
ngx_int_t send_refusal(ngx_http_request_t *r, const Refusal &refusal) noexcept;

/// Sends text/plain (metrics). returns what ngx_http_finalize_request takes
ngx_int_t send_text(ngx_http_request_t *r, std::string_view content_type, std::string_view text) noexcept;

/// A JSON string, or null if `text` is not UTF-8.
json_t *to_json(std::string_view text) noexcept;

}  // namespace nexus::edge
