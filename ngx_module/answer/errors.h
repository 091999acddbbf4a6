// Answers that the module makes itself: JSON bodies, refusals with the error body of DESIGN 4. They are sent
// by us and not by nginx's error pages, so that `error_page` cannot replace them.
#pragma once

#include <span>
#include <string_view>

#include "ngx_module/answer/json_text.h"
#include "ngx_module/ngx/ngx.h"
#include "ngx_module/ngx/wiped_area.h"
#include "shared/errc.h"

namespace nexus::edge {

/// What a caller is told when it does not get what it asked for. Text members must outlive the call only.
struct Refusal {
    Errc errc = Errc::kInternal;
    std::string_view message = {};        // a sentence; "" = the usual one for `errc`
    std::string_view reason = {};         // attention_required
    std::string_view reconnect_url = {};  // attention_required
    std::string_view allow = {};          // 405: value of Allow
    std::string_view challenge = {};      // 401: value of WWW-Authenticate; "" = the usual one
    int retry_after_s = 0;                // 0 = none, except that every 503 gets one
    int status = 0;                       // 0 = the usual one for `errc`
};

/// Sends `text`, which lies in the request's pool, with Cache-Control: no-store; discards the request's body;
/// HEAD gets the head only. returns what ngx_http_finalize_request takes
ngx_int_t send_json_text(ngx_http_request_t *r, ngx_uint_t status, std::span<char> text) noexcept;

/// Sends what `write(JsonText &)` writes, as send_json_text does. It is called again if `usual_size` bytes
/// were not enough: what has to be escaped may need six times its size.
template <typename Write>
ngx_int_t send_json(ngx_http_request_t *r, ngx_uint_t status, size_t usual_size, Write &&write) noexcept {
    for (size_t size = usual_size;;) {
        const std::span<char> area = wiped_area(r->pool, size);
        if (area.data() == nullptr) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        JsonText json(area);
        write(json);
        if (json.fits()) {
            return send_json_text(r, status, area.first(json.size()));
        }
        size = json.size();
    }
}

/// Sends the error body; counts the refusal. returns what ngx_http_finalize_request takes
ngx_int_t send_refusal(ngx_http_request_t *r, const Refusal &refusal) noexcept;

/// Sends 204 with `Allow`. returns what ngx_http_finalize_request takes
ngx_int_t send_no_content(ngx_http_request_t *r, std::string_view allow) noexcept;

/// Sends text/plain (metrics). returns what ngx_http_finalize_request takes
ngx_int_t send_text(ngx_http_request_t *r, std::string_view content_type, std::string_view text) noexcept;

}  // namespace nexus::edge
