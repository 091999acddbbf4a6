// Bodies of the gateway API: members as the reference implementation's clients know them, without
// refresh_token.
#include "ngx_module/gateway_api.h"

#include <ctime>

#include "ngx_module/control_plane.h"
#include "ngx_module/errors.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/upstream_wrap.h"
#include "shared/connection/state.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kRefreshToken = "refresh_token";

void set(json_t *object, std::string_view name, json_t *value) {
    const std::string key{name};
    json_object_set_new(object, key.c_str(), value);
}

/// RFC 3339, UTC, whole seconds: 2026-11-23T02:00:00Z
json_t *to_json_time(UnixMs at) {
    const auto seconds = static_cast<time_t>(at / 1000);
    std::tm utc{};
    char text[32];
    if (gmtime_r(&seconds, &utc) == nullptr ||
        std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        return json_null();
    }
    return json_string(text);
}

json_t *credentials_of(const record::TokenView &token) {
    json_t *credentials = json_object();
    for (size_t i = 0; i < token.credential_count(); ++i) {
        const auto [name, value] = token.credential_at(i);
        if (name != kRefreshToken) {
            set(credentials, name, to_json(value));
        }
    }
    if (token.expires_at() != 0) {
        set(credentials, "expires_at", to_json_time(token.expires_at()));
        set(credentials, "expired", json_boolean(token.expires_at() <= now_ms()));
    }
    return credentials;
}

json_t *strategy_of(const record::TokenView &token) {
    json_t *config = json_object();
    for (size_t i = 0; i < token.strategy_config_count(); ++i) {
        const auto [name, value] = token.strategy_config_at(i);
        set(config, name, to_json(value));
    }
    json_t *strategy = json_object();
    set(strategy, "type", to_json(token.strategy()));
    set(strategy, "config", config);
    return strategy;
}

json_t *scopes_of(const record::TokenView &token) {
    json_t *scopes = json_array();
    for (size_t i = 0; i < token.scope_count(); ++i) {
        json_array_append_new(scopes, to_json(token.scope_at(i)));
    }
    return scopes;
}

json_t *token_body(const record::TokenView &token) {
    json_t *body = json_object();
    json_t *credentials = credentials_of(token);
    if (token.strategy() == "oauth2") {
        json_object_update(body, credentials);  // repeated at the top level, for clients that read them there
    }
    if (token.expires_at() != 0) {
        set(body, "expiry", to_json_time(token.expires_at()));
    }
    if (token.scope_count() != 0) {
        set(body, "scopes", scopes_of(token));
    }
    set(body, "strategy", strategy_of(token));
    set(body, "credentials", credentials);
    return body;
}

json_t *status_body(const record::TokenView &token, bool with_expiry) {
    json_t *body = json_object();
    set(body, "status", to_json(connection::to_string(token.state())));
    if (with_expiry && token.expires_at() != 0) {
        set(body, "expiry", to_json_time(token.expires_at()));
    }
    return body;
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

std::string_view allowed_methods(ApiMode api, ngx_uint_t method) noexcept {
    switch (api) {
        case ApiMode::kToken:
        case ApiMode::kCheck:
            return (method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) != 0 ? "" : "GET, HEAD";
        case ApiMode::kRefresh:
            return method == NGX_HTTP_POST ? "" : "POST";
        case ApiMode::kOff:
        case ApiMode::kPass:
            break;
    }
    return {};
}

ngx_int_t on_api_content(ngx_http_request_t *r) noexcept {
    return guarded(r, [&]() -> ngx_int_t {
        const Access *access = access_of(r);
        if (access == nullptr || !access->token) {  // a subrequest: it did not pass the access phase
            return NGX_HTTP_FORBIDDEN;
        }

        const record::TokenView &token = *access->token;
        count_ok(*access->conf);
        switch (api_mode(*access->conf)) {
            case ApiMode::kToken:
                return send_json(r, NGX_HTTP_OK, token_body(token));
            case ApiMode::kRefresh:
                return send_json(r, NGX_HTTP_OK,
                                 may_read(*access) ? token_body(token) : status_body(token, true));
            case ApiMode::kCheck:
                return send_json(r, NGX_HTTP_OK, status_body(token, false));
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
