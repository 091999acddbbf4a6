// Subrequests to nexusd: making them, and collecting their bodies.
#include "ngx_module/control_plane/control_plane.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "ngx_module/metrics/histograms.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/own_request.h"
#include "ngx_module/ngx/phase_handlers.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/trace/trace.h"
#include "ngx_module/upstream/wrap.h"

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
    } else if (answer.status == 0 || answer.status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        metrics::count(metrics::Counter::kControlPlaneFailures);
    }
}

void tell(ControlPlaneCall &call, const ControlPlaneAnswer &answer) noexcept {
    call.deadline->disarm();
    count_answer(answer);
    metrics::observe(metrics::Histogram::kControlPlane, metrics::precise_us() - call.started_us);
    if (call.on_answer != nullptr) {
        call.on_answer(&call, answer);
    }
}

// nginx wakes the parent after this. Returning OK keeps it from making an error page for us.
ngx_int_t on_subrequest_done(ngx_http_request_t *r, void *data, ngx_int_t rc) noexcept {
    auto *call = static_cast<ControlPlaneCall *>(data);
    if (std::exchange(call->finished, true)) {
        return NGX_OK;
    }
    tell(*call, guarded_or<ControlPlaneAnswer>({}, r->connection->log, "the control plane's answer",
                                               [&] { return read_answer(r, *call, rc); }));
    return NGX_OK;
}

// As nginx does at a time-out of its own: the next question goes to another server, if there is one.
void blame_peer(ngx_http_upstream_t *u) noexcept {
    if (u != nullptr && u->peer.free != nullptr && u->peer.sockaddr != nullptr) {
        u->peer.free(&u->peer, u->peer.data, NGX_PEER_FAILED);
        u->peer.sockaddr = nullptr;
    }
}

// nginx's own time-outs begin anew with each byte. Comes from the event loop's own stack, so that nothing of
// nginx's is at work on the request, unless a thread is.
void on_deadline(void *data) noexcept {
    constexpr ngx_msec_t kThreadPauseMs = 100;

    auto *call = static_cast<ControlPlaneCall *>(data);
    ngx_http_request_t *r = call->subrequest->main;
    if (!std::exchange(call->finished, true)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "nexus: the control plane has not answered within %M ms", call->timeout);
        ControlPlaneAnswer answer;
        answer.status = NGX_HTTP_GATEWAY_TIME_OUT;
        tell(*call, answer);
    }
    if (r->blocked != 0) {
        call->deadline->arm(kThreadPauseMs);
        return;
    }
    blame_peer(call->subrequest->upstream);
    drop_own_request(r);  // with the call, and the timer that has led here
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

std::string_view route_of(record::Kind kind) {
    switch (kind) {
        case record::Kind::kToken:
            return "/edge/tokens/";
        case record::Kind::kCaller:
            return "/edge/agents/";
        case record::Kind::kIssuer:
            break;
    }
    return "/edge/issuers/";
}

std::string uri_of(const ControlPlaneConf &conf, const ControlPlaneQuestion &question) {
    std::string uri = conf.uri;
    uri.append(route_of(question.kind)).append(question.id);
    if (question.refresh) {
        uri.append("/refresh");
    }
    return uri;
}

std::string args_of(const ControlPlaneQuestion &question) {
    if (question.refresh) {
        return "generation=" + std::to_string(question.refresh_above_generation);
    }
    return question.refresh_within_s == 0 ? ""
                                          : "refresh_within=" + std::to_string(question.refresh_within_s);
}

// What the question has of whoever gave rise to it: the id that both logs can be joined by.
bool put_on_request_id(ngx_http_request_t *r, std::string_view request_id) noexcept {
    if (request_id.empty()) {
        return true;
    }
    const ngx_str_t copy = copy_to_pool(r->pool, request_id);
    if (copy.data == nullptr) {
        return false;
    }
    ngx_http_variable_value_t &value = r->variables[main_conf(r)->request_id_index];
    value.data = copy.data;
    value.len = static_cast<unsigned>(copy.len) & 0x0fffffffu;
    value.valid = 1;
    return true;
}

void make_post(ngx_http_request_t *sr) noexcept {
    sr->method = NGX_HTTP_POST;
    sr->method_name = g_post_method;
    sr->headers_in.content_length_n = 0;
}

/// nullptr: out of memory
ControlPlaneCall *make_question(ngx_http_request_t *r, const ControlPlaneAsker &asker,
                                const ControlPlaneConf &conf, const ControlPlaneQuestion &question) {
    ngx_str_t uri = copy_to_pool(r->pool, uri_of(conf, question));
    ngx_str_t args = copy_to_pool(r->pool, args_of(question));
    auto *call = static_cast<ControlPlaneCall *>(ngx_palloc(r->pool, sizeof(ControlPlaneCall)));
    auto *done =
        static_cast<ngx_http_post_subrequest_t *>(ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t)));
    if (uri.data == nullptr || args.data == nullptr || call == nullptr || done == nullptr ||
        !put_on_request_id(r, asker.request_id) ||
        (asker.request != nullptr && copy_trace(asker.request, r) != NGX_OK)) {
        return nullptr;
    }
    ::new (call) ControlPlaneCall{};
    call->started_us = metrics::precise_us();
    call->timeout = conf.timeout;
    call->deadline = PoolPtr<Event>::make(r->pool, asker.log, call, on_deadline).get();
    if (call->deadline == nullptr) {
        return nullptr;
    }
    done->handler = on_subrequest_done;
    done->data = call;
    if (ngx_http_subrequest(r, &uri, args.len == 0 ? nullptr : &args, &call->subrequest, done, 0) != NGX_OK) {
        return nullptr;
    }
    if (question.refresh) {
        make_post(call->subrequest);
    }
    call->subrequest->filter_need_in_memory = 1;
    return call;
}

}  // namespace

bool is_control_plane_subrequest(const ngx_http_request_t *r) noexcept {
    return r != r->main && r->post_subrequest != nullptr && r->post_subrequest->handler == on_subrequest_done;
}

ControlPlaneCall *ask_control_plane(const ControlPlaneAsker &asker, const ControlPlaneConf &conf,
                                    const ControlPlaneQuestion &question) noexcept {
    ngx_http_request_t *r = make_own_request(asker.server, asker.log);
    if (r == nullptr) {
        return nullptr;
    }
    ControlPlaneCall *call =
        guarded_or<ControlPlaneCall *>(nullptr, asker.log, "asking the control plane",
                                       [&] { return make_question(r, asker, conf, question); });
    if (call == nullptr) {
        drop_own_request(r);
        return nullptr;
    }
    metrics::count(metrics::Counter::kControlPlaneCalls);
    return call;
}

void start(ControlPlaneCall *call) noexcept {
    call->deadline->arm(call->timeout);
    run_own_request(call->subrequest->main);
}

ngx_int_t init_control_plane(ngx_conf_t *cf) noexcept {
    if (ask_first(cf, NGX_HTTP_PRECONTENT_PHASE, on_precontent) != NGX_OK) {
        return NGX_ERROR;
    }

    g_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = on_body;
    return NGX_OK;
}

}  // namespace nexus::edge
