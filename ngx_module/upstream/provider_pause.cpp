// A pause is a debt in a table of arrival times: whoever owes has to wait until it is paid off.
#include "ngx_module/upstream/provider_pause.h"

#include <algorithm>
#include <charconv>

#include "ngx_module/limits/memory.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"
#include "shared/http1/syntax.h"

namespace nexus::edge::provider_pause {

namespace {

constexpr int64_t kLongestS = 3600;  // whatever a provider says
constexpr ratelimit::Limit kDebt{ratelimit::kSecond, kLongestS *ratelimit::kSecond};  // a second each
constexpr uint64_t kSalt = 0;

ngx_http_output_header_filter_pt g_next_header_filter;

/// RFC 9110 section 10.2.3: seconds, or a date. 0: neither, or over
int64_t parse_retry_after(std::string_view text) noexcept {
    int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc{} && end == text.data() + text.size()) {
        return std::clamp<int64_t>(seconds, 0, kLongestS);
    }
    if (error == std::errc::result_out_of_range) {
        return text.starts_with('-') ? 0 : kLongestS;
    }
    const time_t at =
        ngx_parse_http_time(reinterpret_cast<u_char *>(const_cast<char *>(text.data())), text.size());
    return at == static_cast<time_t>(NGX_ERROR) ? 0 : std::clamp<int64_t>(at - ngx_time(), 0, kLongestS);
}

int64_t retry_after_of(ngx_http_upstream_headers_in_t &headers) {
    int64_t seconds = 0;
    for_each_line(headers.headers, [&](ngx_table_elt_t &line) {
        if (http1::equal_ignoring_case(to_view(line.key), "Retry-After")) {
            seconds = std::max(seconds, parse_retry_after(to_view(line.value)));
        }
    });
    return seconds;
}

void note(const ngx_http_request_t *r, const Access &access, int64_t seconds) {
    const int left = seconds_to_wait(access);
    if (seconds > left) {
        main_conf(r)->provider_pauses->charge_debt(access.connection_id, kSalt, kDebt, seconds - left);
    }
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    const Access *access = r == r->main && r->upstream != nullptr ? access_of(r) : nullptr;
    if (access != nullptr && access->conf->provider_pause != 0 && is_injecting(*access->conf) &&
        access->token) {
        ngx_http_upstream_headers_in_t &headers = r->upstream->headers_in;
        const bool is_busy = headers.status_n == NGX_HTTP_TOO_MANY_REQUESTS ||
                             headers.status_n == NGX_HTTP_SERVICE_UNAVAILABLE;
        if (const int64_t seconds = is_busy ? retry_after_of(headers) : 0; seconds > 0) {
            note(r, *access, seconds);
        }
    }
    return g_next_header_filter(r);
}

}  // namespace

ngx_int_t add_zone(ngx_conf_t *cf) noexcept {
    MainConf *mcf = main_conf(cf);
    mcf->provider_pauses = limits::Memory::add(cf, "nexus_provider_pauses", limits::Memory::kUsualBytes);
    return mcf->provider_pauses != nullptr ? NGX_OK : NGX_ERROR;
}

void init() noexcept {
    g_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
}

int seconds_to_wait(const Access &access) noexcept {
    if (access.conf->provider_pause == 0) {
        return 0;
    }
    const ratelimit::Micros owed = main_conf(access.request)
                                       ->provider_pauses->look_for_debt(access.connection_id, kSalt, kDebt)
                                       .reset_after;
    return static_cast<int>((owed + ratelimit::kSecond - 1) / ratelimit::kSecond);
}

}  // namespace nexus::edge::provider_pause
