// What a request knows of itself, for logs, maps and proxy_pass. Empty ("-" in logs) before the access phase
// and in locations that are not guarded.
#include "ngx_module/variables.h"

#include <charconv>
#include <string>

#include "ngx_module/access/access.h"
#include "ngx_module/cors/cors.h"
#include "ngx_module/inject/egress.h"
#include "ngx_module/limits/ask.h"
#include "ngx_module/logs/log_redaction.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/trace/trace.h"
#include "ngx_module/trace/trace_parent.h"
#include "ngx_module/upstream/wrap.h"
#include "shared/connection/state.h"
#include "shared/encoding/percent.h"

namespace nexus::edge {

namespace {

/// A variable's text: a view into the request's memory, or nothing.
using Getter = std::string_view (*)(ngx_http_request_t *r, const Access &access);

std::string_view caller_of(ngx_http_request_t *, const Access &access) {
    return access.caller ? access.caller->agent_id() : std::string_view{};
}

std::string_view auth_method_of(ngx_http_request_t *, const Access &access) {
    return access.caller ? caller::to_string(*access.method) : std::string_view{};
}

std::string_view workspace_of(ngx_http_request_t *, const Access &access) {
    return access.caller ? access.caller->workspace_id() : std::string_view{};
}

std::string_view connection_of(ngx_http_request_t *, const Access &access) {
    return access.token_lookup.id;  // as given by the caller, once it is a canonical UUID
}

std::string_view provider_of(ngx_http_request_t *, const Access &access) {
    return access.token ? access.token->provider() : std::string_view{};
}

std::string_view state_of(ngx_http_request_t *, const Access &access) {
    return access.token ? connection::to_string(access.token->state()) : std::string_view{};
}

std::string_view source_of(ngx_http_request_t *, const Access &access) {
    switch (access.answer->source) {
        case TokenSource::kL1:
            return "l1";
        case TokenSource::kL2:
            return "l2";
        case TokenSource::kOrigin:
            return "origin";
        case TokenSource::kStale:
            return "stale";
        case TokenSource::kNegative:
            return "negative";
        case TokenSource::kNone:
            break;
    }
    return {};
}

/// Like $request_time: seconds with milliseconds.
std::string_view resolve_time_of(ngx_http_request_t *r, const Access &access) {
    const uint64_t ms = access.waited_us / 1000;
    auto *text = static_cast<u_char *>(ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4));
    if (text == nullptr) {
        return {};
    }
    const u_char *end = ngx_sprintf(text, "%uL.%03uL", ms / 1000, ms % 1000);
    return {reinterpret_cast<const char *>(text), static_cast<size_t>(end - text)};
}

std::string_view ttl_of(ngx_http_request_t *r, const Access &access) {
    if (!access.token || access.token->expires_at() == 0) {
        return {};
    }
    const UnixMs left = access.token->expires_at() - now_ms();
    char text[24];
    const auto end = std::to_chars(std::begin(text), std::end(text), left > 0 ? left / 1000 : 0).ptr;
    return to_view(copy_to_pool(r->pool, {text, static_cast<size_t>(end - text)}));
}

std::string_view base_url_of(ngx_http_request_t *r, const Access &access) {
    if (!access.token) {
        return {};
    }
    const std::string_view url = parse_base_url(access.token->api_base_url()).text;
    if (url.empty()) {
        refuse_upstream(r, Errc::kHostNotAllowed);  // a proxy_pass to it fails for this reason
    }
    return url;
}

ngx_int_t set_text(ngx_http_variable_value_t *v, std::string_view text) {
    v->valid = !text.empty();
    v->not_found = text.empty();
    v->no_cacheable = 1;
    v->len = static_cast<unsigned>(text.size()) & 0x0fffffffu;
    v->data = reinterpret_cast<u_char *>(const_cast<char *>(text.data()));
    return NGX_OK;
}

ngx_int_t get_access_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data) noexcept {
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "a variable", [&] {
        const Access *access = access_of(r->main);
        const auto getter = reinterpret_cast<Getter>(data);
        return set_text(v, access != nullptr ? getter(r, *access) : std::string_view{});
    });
}

ngx_int_t get_error(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t) noexcept {
    const RequestCtx *ctx = request_ctx(r->main);
    return set_text(v, ctx != nullptr ? ctx->error : std::string_view{});
}

ngx_int_t get_trace_id(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t) noexcept {
    const std::string_view parent = trace_parent(r->main);
    return set_text(v, parent.empty() ? parent : trace_id_of(parent));
}

/// What is no visible ASCII as %XX, as a well-behaved client had sent it: logs are read as UTF-8.
void append_visible(std::string &text, std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f) {
            text.push_back(c);
        } else {
            text.append({'%', kDigits[byte >> 4], kDigits[byte & 0x0f]});
        }
    }
}

/// What follows /connect/ is a link's token, a secret as long as the link is good, however the path is
/// written.
void append_path(std::string &text, std::string_view path) {
    constexpr std::string_view kLinkPath = "/connect/";
    const Result<std::string> decoded =
        path.find('%') == std::string_view::npos ? std::string{path} : encoding::percent_decode(path, false);
    const std::string_view plain = decoded ? std::string_view{*decoded} : path;
    const size_t at = plain.find(kLinkPath);
    if (at == std::string_view::npos || plain.size() == at + kLinkPath.size()) {
        append_visible(text, path);
        return;
    }
    append_visible(text, plain.substr(0, at + kLinkPath.size()));
    text.append("*");
}

/// The request line for logs: the names of query parameters stay, their values (codes, states, keys) become
/// '*'.
ngx_int_t get_safe_request(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t) noexcept {
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "a variable", [&] {
        const std::string_view uri = to_view(r->unparsed_uri);
        std::string text{to_view(r->method_name)};
        text.append(" ");
        append_path(text, uri.substr(0, uri.find('?')));

        char separator = '?';
        std::string_view query = uri.substr(std::min(uri.find('?'), uri.size()));
        while (!query.empty()) {
            query.remove_prefix(1);
            const size_t end = std::min(query.find('&'), query.size());
            const std::string_view pair = query.substr(0, end);
            const size_t equals = pair.find('=');
            text.append(1, separator);
            append_visible(text, equals == std::string_view::npos ? "*" : pair.substr(0, equals));
            text.append(equals == std::string_view::npos ? "" : "=*");
            separator = '&';
            query.remove_prefix(end);
        }

        text.append(" ").append(to_view(r->http_protocol));
        redact_keys(text);  // somebody has pasted one into the path
        return set_text(v, to_view(copy_to_pool(r->pool, text)));
    });
}

ngx_int_t get_cors(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t) noexcept {
    return set_text(v, cors_verdict(r));
}

ngx_int_t get_limit_status(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t) noexcept {
    return set_text(v, limits::status_text(r->main));
}

uintptr_t as_data(Getter getter) {
    return reinterpret_cast<uintptr_t>(getter);
}

struct Variable {
    const char *name;
    ngx_http_get_variable_pt get;
    Getter getter;
};

constexpr Variable kVariables[] = {
    {"nexus_caller", get_access_variable, caller_of},
    {"nexus_auth_method", get_access_variable, auth_method_of},
    {"nexus_workspace", get_access_variable, workspace_of},
    {"nexus_connection", get_access_variable, connection_of},
    {"nexus_provider", get_access_variable, provider_of},
    {"nexus_state", get_access_variable, state_of},
    {"nexus_token_source", get_access_variable, source_of},
    {"nexus_token_ttl", get_access_variable, ttl_of},
    {"nexus_resolve_time", get_access_variable, resolve_time_of},
    {"nexus_error", get_error, nullptr},
    {"nexus_trace_id", get_trace_id, nullptr},
    {"nexus_safe_request", get_safe_request, nullptr},
    {"nexus_cors", get_cors, nullptr},
    {"nexus_limit_status", get_limit_status, nullptr},
    {"nexus_api_base_url", get_access_variable, base_url_of},
};

}  // namespace

ngx_int_t add_variables(ngx_conf_t *cf) noexcept {
    for (const Variable &variable : kVariables) {
        ngx_str_t name = to_ngx_str(variable.name);
        ngx_http_variable_t *added = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (added == nullptr) {
            return NGX_ERROR;
        }
        added->get_handler = variable.get;
        added->data = as_data(variable.getter);
    }
    return NGX_OK;
}

}  // namespace nexus::edge
