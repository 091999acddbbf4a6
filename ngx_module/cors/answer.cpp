// Header lines of answers.
#include <string>

#include "ngx_module/cors/request.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/str.h"
#include "shared/http1/syntax.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kVary = "Vary";
constexpr std::string_view kOwnPrefix = "Access-Control-";

bool is_own_line(const ngx_table_elt_t &line) {
    return line.key.len > kOwnPrefix.size() &&
           http1::equal_ignoring_case(to_view(line.key).substr(0, kOwnPrefix.size()), kOwnPrefix);
}

void remove_own_lines(ngx_http_request_t *r) {
    for_each_line(r->headers_out.headers, [](ngx_table_elt_t &line) {
        if (is_own_line(line)) {
            line.hash = 0;
        }
    });
}

/// Adds to the Vary line that is there, so that there is one.
ngx_int_t add_vary(ngx_http_request_t *r, std::string_view name) {
    ngx_table_elt_t *last = nullptr;
    bool is_listed = false;
    for_each_line(r->headers_out.headers, [&](ngx_table_elt_t &line) {
        if (line.hash != 0 && http1::equal_ignoring_case(to_view(line.key), kVary)) {
            last = &line;
            is_listed = is_listed || cors::is_in_vary(to_view(line.value), name);
        }
    });
    if (is_listed) {
        return NGX_OK;
    }
    if (last == nullptr) {
        return add_line(r, kVary, name);
    }
    const std::string_view has = to_view(last->value);
    last->value = copy_to_pool(r->pool, std::string{has}.append(has.empty() ? "" : ", ").append(name));
    return last->value.data != nullptr ? NGX_OK : NGX_ERROR;
}

}  // namespace

/// As the filter of "304 Not Modified" does it: the header filter then sends no body.
void make_preflight_answer(ngx_http_request_t *r) noexcept {
    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_type.len = 0;
    ngx_http_clear_content_length(r);
    ngx_http_clear_location(r);
    ngx_http_clear_etag(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_accept_ranges(r);
}

ngx_int_t put_on_policy_lines(ngx_http_request_t *r, const CorsRequest &request) {
    static const Asked kNobody{};
    const Asked &asked = request.asked != nullptr ? *request.asked : kNobody;
    const cors::Answer answer = request.policy->policy.answer(asked.request, asked.judgement);

    remove_own_lines(r);
    for (const http1::HeaderLine &line : answer.headers()) {
        if (add_line(r, line.name, line.value) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    for (const std::string_view name : answer.vary) {
        if (add_vary(r, name) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

}  // namespace nexus::edge
