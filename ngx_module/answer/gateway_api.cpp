// Answers of the gateway API from the token record, and requests that go on to nexusd.
#include "ngx_module/answer/gateway_api.h"

#include "ngx_module/answer/errors.h"
#include "ngx_module/answer/token_body.h"
#include "ngx_module/control_plane/control_plane.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/upstream/wrap.h"

namespace nexus::edge {

namespace {

ngx_int_t send_token(ngx_http_request_t *r, const Access &access) {
    constexpr size_t kFrame = 512;  // names, times, brackets; the credentials may stand there twice
    return send_json(r, NGX_HTTP_OK, kFrame + 2 * access.token_bytes,
                     [&](JsonText &json) { write_token_body(json, *access.token, now_ms()); });
}

ngx_int_t send_status(ngx_http_request_t *r, const Access &access, bool with_expiry) {
    return send_json(r, NGX_HTTP_OK, 128,
                     [&](JsonText &json) { write_status_body(json, *access.token, with_expiry); });
}

bool may_read(const Access &access) {
    return !is_authenticating(*access.conf) || record::has_grant(access.grants, record::Grant::kTokenRead);
}

ngx_int_t put_on_edge_key(ngx_http_request_t *r, void *data) noexcept {
    const auto *access = static_cast<const Access *>(data);
    const std::string_view agent = access->caller ? access->caller->agent_id() : std::string_view{};
    const http1::HeaderLine lines[] = {
        {"X-API-Key", control_plane_key(r)},
        {"X-Nexus-Agent", agent},
    };
    const std::string_view remove[] = {"X-Nexus-Key", "X-Nexus-Connection"};
    return rewrite_request_block(r, {.set = lines, .remove = remove, .query = {}, .query_name = {}});
}

// The key must not follow a destination that a request can choose.
ngx_int_t check_pass(ngx_http_request_t *r, void *data) noexcept {
    const auto *access = static_cast<const Access *>(data);
    if (r->upstream->resolved != nullptr) {
        ngx_log_error(
            NGX_LOG_CRIT, r->connection->log, 0,
            "nexus: \"nexus_api pass\" needs a proxy_pass without variables, the request is not sent");
        count_refused(*access->conf, Errc::kInternal);
        return refuse_upstream(r, Errc::kInternal);
    }
    count_ok(*access->conf);
    return NGX_OK;
}

}  // namespace

std::string_view methods_of(ApiMode api) noexcept {
    switch (api) {
        case ApiMode::kToken:
        case ApiMode::kCheck:
            return "GET, HEAD, OPTIONS";
        case ApiMode::kRefresh:
            return "POST, OPTIONS";
        case ApiMode::kOff:
        case ApiMode::kPass:
            break;
    }
    return {};
}

bool is_method_allowed(ApiMode api, ngx_uint_t method) noexcept {
    switch (api) {
        case ApiMode::kToken:
        case ApiMode::kCheck:
            return (method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) != 0;
        case ApiMode::kRefresh:
            return method == NGX_HTTP_POST;
        case ApiMode::kOff:
        case ApiMode::kPass:
            break;
    }
    return true;
}

ngx_int_t answer_options(ngx_http_request_t *r, ApiMode api) noexcept {
    return send_no_content(r, methods_of(api));
}

ngx_int_t on_api_content(ngx_http_request_t *r) noexcept {
    return guarded(r, [&]() -> ngx_int_t {
        const Access *access = access_of(r);
        if (access == nullptr || !access->token) {  // a subrequest: it did not pass the access phase
            return NGX_HTTP_FORBIDDEN;
        }

        count_ok(*access->conf);
        switch (api_mode(*access->conf)) {
            case ApiMode::kToken:
                return send_token(r, *access);
            case ApiMode::kRefresh:
                return may_read(*access) ? send_token(r, *access) : send_status(r, *access, true);
            case ApiMode::kCheck:
                return send_status(r, *access, false);
            default:
                return NGX_HTTP_NOT_FOUND;
        }
    });
}

ngx_int_t prepare_pass(Access &access) {
    const ngx_int_t rc = wrap_upstream(access.request, check_pass, put_on_edge_key, &access);
    return rc == NGX_DECLINED ? NGX_ERROR : rc;
}

}  // namespace nexus::edge
