// Subrequests to nexusd: making them, and collecting their bodies.
#include "ngx_module/control_plane.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "ngx_module/histograms.h"
#include "ngx_module/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/upstream_wrap.h"

namespace nexus::edge {
namespace {

ngx_http_output_body_filter_pt g_next_body_filter;
ngx_str_t g_post_method = ngx_string("POST");

// ---- the answer ----

ngx_int_t on_subrequest_done(ngx_http_request_t *r, void *data, ngx_int_t rc) noexcept;

ControlPlaneCall *call_of(const ngx_http_request_t *r) noexcept {
    return static_cast<ControlPlaneCall *>(r->post_subrequest->data);
}

void count_answer(const ControlPlaneAnswer &answer) noexcept {
    if (answer.status == NGX_HTTP_GATEWAY_TIME_OUT) {
        metrics::count(metrics::Counter::kControlPlaneTimeouts);
    }
    if (answer.status == 0 || answer.status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        metrics::count(metrics::Counter::kControlPlaneFailures);
    }
}

// nginx wakes the parent after this. Returning OK keeps it from making an error page for us.
ngx_int_t on_subrequest_done(ngx_http_request_t *r, void *data, ngx_int_t rc) noexcept {
    auto *call = static_cast<ControlPlaneCall *>(data);
    if (std::exchange(call->finished, true)) {
        return NGX_OK;
    }
    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST || r->connection->error) {
        return rc;  // the caller has left: nginx ends the request, whose clean-up hands the question on
    }
    const ControlPlaneAnswer answer = guarded_or<ControlPlaneAnswer>(
        {}, r->connection->log, "the control plane's answer", [&] { return read_answer(r, *call, rc); });
    count_answer(answer);
    metrics::observe(metrics::Histogram::kControlPlane, metrics::precise_us() - call->started_us);
    if (call->on_answer != nullptr) {
        call->on_answer(call, answer);
    }
    return NGX_OK;
}

// Takes the subrequest's body out of nginx's output, which would otherwise send it to the client. (A
// subrequest "in memory" would make nginx do it, but only up to buffer sizes that the location must know of.)
ngx_int_t on_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept {
    if (!is_control_plane_subrequest(r)) {
        return g_next_body_filter(r, in);
    }

    ControlPlaneCall *call = call_of(r);
    for (ngx_chain_t *cl = in; cl != nullptr; cl = cl->next) {
        ngx_buf_t *b = cl->buf;
        if (b->last_in_chain || b->last_buf) {
            call->complete = true;
        }
        if (!ngx_buf_in_memory(b)) {
            call->too_large = call->too_large || b->in_file;
            b->file_pos = b->file_last;
            continue;
        }
        const auto size = static_cast<size_t>(b->last - b->pos);
        if (size > record::kMaxRecordBytes - call->size) {
            call->too_large = true;
        }
        if (!call->too_large && size != 0) {
            if (call->body == nullptr) {
                call->body = static_cast<u_char *>(ngx_pnalloc(r->pool, record::kMaxRecordBytes));
                if (call->body == nullptr) {
                    return NGX_ERROR;
                }
            }
            std::memcpy(call->body + call->size, b->pos, size);
            call->size += size;
        }
        b->pos = b->last;
    }
    return NGX_OK;
}

// ---- the question ----

ngx_int_t put_on_key(ngx_http_request_t *r, void *) noexcept {
    const std::string_view key = control_plane_key(r);
    if (key.empty()) {
        return NGX_OK;  // the location's own means, such as mTLS
    }
    const http1::HeaderLine lines[] = {{"X-API-Key", key}};
    return rewrite_request_block(r, {.set = lines, .remove = {}, .query = {}, .query_name = {}});
}

// The location's own time-outs may be a minute and its answers may be replaced by error pages; callers wait
// here.
ngx_int_t limit_upstream(ngx_http_request_t *r, void *) noexcept {
    const auto *conf = srv_conf(r)->control_plane;
    if (r->upstream->resolved != nullptr || conf == nullptr) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "nexus: the control plane's location needs a proxy_pass without variables");
        return refuse_upstream(r, Errc::kInternal);
    }
    auto *limited =
        static_cast<ngx_http_upstream_conf_t *>(ngx_palloc(r->pool, sizeof(ngx_http_upstream_conf_t)));
    if (limited == nullptr) {
        return refuse_upstream(r, Errc::kInternal);
    }
    *limited = *r->upstream->conf;
    limited->connect_timeout = std::min(limited->connect_timeout, conf->timeout);
    limited->send_timeout = std::min(limited->send_timeout, conf->timeout);
    limited->read_timeout = std::min(limited->read_timeout, conf->timeout);
    if (limited->next_upstream_timeout == 0 || limited->next_upstream_timeout > conf->timeout) {
        limited->next_upstream_timeout = conf->timeout;
    }
    limited->intercept_errors = 0;
    r->upstream->conf = limited;
    return NGX_OK;
}

// Subrequests skip the access phase; this one is the last before the content.
ngx_int_t on_precontent(ngx_http_request_t *r) noexcept {
    if (!is_control_plane_subrequest(r)) {
        return NGX_DECLINED;
    }
    const ngx_int_t rc = wrap_upstream(r, limit_upstream, put_on_key, nullptr);
    return rc == NGX_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_DECLINED;
}

std::string uri_of(const ControlPlaneConf &conf, const ControlPlaneQuestion &question) {
    std::string uri = conf.uri;
    uri.append(question.kind == record::Kind::kToken ? "/edge/tokens/" : "/edge/agents/").append(question.id);
    if (question.refresh) {
        uri.append("/refresh");
    }
    return uri;
}

// nginx lets a subrequest share the caller's headers, body and variables; this one starts with nothing. All
// is allocated beforehand: once nginx has posted the subrequest, nothing may fail.
struct Separation {
    ngx_list_t headers;
    ngx_http_request_body_t *body;
    ngx_http_variable_value_t *variables;
};

bool prepare(ngx_http_request_t *r, Separation &own) noexcept {
    const auto *cmcf =
        static_cast<ngx_http_core_main_conf_t *>(ngx_http_get_module_main_conf(r, ngx_http_core_module));
    own.body = static_cast<ngx_http_request_body_t *>(ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t)));
    own.variables = static_cast<ngx_http_variable_value_t *>(
        ngx_pcalloc(r->pool, (cmcf->variables.nelts + 1) * sizeof(ngx_http_variable_value_t)));
    if (own.body == nullptr || own.variables == nullptr) {
        return false;
    }
    // The one thing the two requests share: what both logs can be joined by.
    const auto request_id = static_cast<ngx_uint_t>(main_conf(r)->request_id_index);
    if (const ngx_http_variable_value_t *value = ngx_http_get_indexed_variable(r, request_id)) {
        own.variables[request_id] = *value;
    }
    return ngx_list_init(&own.headers, r->pool, 4, sizeof(ngx_table_elt_t)) == NGX_OK;
}

void separate(ngx_http_request_t *sr, const Separation &own, bool post) noexcept {
    const ngx_str_t server = sr->headers_in.server;
    ngx_memzero(&sr->headers_in, sizeof sr->headers_in);
    sr->headers_in.headers = own.headers;
    sr->headers_in.headers.last = &sr->headers_in.headers.part;
    sr->headers_in.server = server;
    sr->headers_in.keep_alive_n = -1;
    sr->headers_in.content_length_n = post ? 0 : -1;
    if (post) {
        sr->method = NGX_HTTP_POST;
        sr->method_name = g_post_method;
    }
    sr->request_body = own.body;
    sr->variables = own.variables;
    sr->filter_need_in_memory = 1;
}

}  // namespace

bool is_control_plane_subrequest(const ngx_http_request_t *r) noexcept {
    return r != r->main && r->post_subrequest != nullptr && r->post_subrequest->handler == on_subrequest_done;
}

ControlPlaneCall *ask_control_plane(ngx_http_request_t *r, const ControlPlaneConf &conf,
                                    const ControlPlaneQuestion &question) noexcept {
    return guarded_or<ControlPlaneCall *>(
        nullptr, r->connection->log, "asking the control plane", [&]() -> ControlPlaneCall * {
            ngx_str_t uri = copy_to_pool(r->pool, uri_of(conf, question));
            ngx_str_t args = ngx_null_string;
            if (question.refresh) {
                args =
                    copy_to_pool(r->pool, "generation=" + std::to_string(question.refresh_above_generation));
            }
            auto *call = static_cast<ControlPlaneCall *>(ngx_palloc(r->pool, sizeof(ControlPlaneCall)));
            auto *done = static_cast<ngx_http_post_subrequest_t *>(
                ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t)));
            Separation own{};
            if (uri.data == nullptr || (question.refresh && args.data == nullptr) || call == nullptr ||
                done == nullptr || !prepare(r, own)) {
                return nullptr;
            }
            ::new (call) ControlPlaneCall{};
            call->started_us = metrics::precise_us();
            done->handler = on_subrequest_done;
            done->data = call;

            if (ngx_http_subrequest(r, &uri, question.refresh ? &args : nullptr, &call->subrequest, done,
                                    NGX_HTTP_SUBREQUEST_WAITED) != NGX_OK) {
                return nullptr;
            }
            metrics::count(metrics::Counter::kControlPlaneCalls);
            separate(call->subrequest, own, question.refresh);
            return call;
        });
}

ngx_int_t init_control_plane(ngx_conf_t *cf) noexcept {
    auto *cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto *handler =
        static_cast<ngx_http_handler_pt *>(ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers));
    if (handler == nullptr) {
        return NGX_ERROR;
    }
    *handler = on_precontent;

    g_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = on_body;
    return NGX_OK;
}

}  // namespace nexus::edge
