// The access phase, step by step. A step goes on (NGX_OK), waits for a lookup (NGX_AGAIN), or has answered
// (NGX_DONE); nginx calls the handler again on any event, so the step is kept in the request's context.
#include "ngx_module/access/access.h"

#include "ngx_module/access/steps.h"
#include "ngx_module/answer/gateway_api.h"
#include "ngx_module/caller/auth_failures.h"
#include "ngx_module/control_plane/control_plane.h"
#include "ngx_module/inject/inject.h"
#include "ngx_module/limits/ask.h"
#include "ngx_module/logs/error_log.h"
#include "ngx_module/metrics/histograms.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/phase_handlers.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/trace/trace.h"
#include "ngx_module/upstream/provider_pause.h"

namespace nexus::edge {

namespace {

using metrics::Counter;

static_assert(static_cast<uint8_t>(metrics::Histogram::kResolveNegative) ==
              static_cast<uint8_t>(TokenSource::kNegative));  // and so are those before

void on_lookup_done(Lookup *lookup) noexcept {
    auto *access = static_cast<Access *>(lookup->data);
    ngx_http_request_t *r = access->request;
    ngx_connection_t *c = r->connection;  // r may be gone after go_on
    const uint64_t waited_us = metrics::precise_us() - access->waiting_since_us;
    metrics::observe(static_cast<metrics::Histogram>(lookup->source), waited_us);
    access->waited_us += waited_us;
    access->waiting = false;
    r->read_event_handler = ngx_http_block_reading;
    access->go_on(r);
    ngx_http_run_posted_requests(c);
}

/// By itself; where the token is put on a request, inject/inject.cpp looks later.
bool hands_out_token(const LocConf &conf) {
    const ApiMode api = api_mode(conf);
    return api == ApiMode::kToken || api == ApiMode::kRefresh;
}

ngx_int_t hand_on(Access &access) {
    ngx_int_t rc = NGX_OK;
    if (is_injecting(*access.conf)) {
        if (const int seconds = provider_pause::seconds_to_wait(access); seconds > 0) {
            return steps::refuse(access, {.errc = Errc::kRateLimited,
                                          .message = "the provider wants to be left alone for a while",
                                          .retry_after_s = seconds});
        }
        rc = prepare_injection(access);
    } else if (api_mode(*access.conf) == ApiMode::kPass) {
        rc = prepare_pass(access);
    } else if (api_mode(*access.conf) == ApiMode::kOff) {
        count_ok(*access.conf);
    }
    return rc == NGX_OK ? NGX_DECLINED : rc;
}

ngx_int_t run(Access &access) {
    for (;;) {
        if (access.waiting) {
            return NGX_AGAIN;  // some other event woke us
        }

        ngx_int_t rc = NGX_ERROR;
        switch (access.step) {
            case Access::Step::kAuthenticate:
                rc = steps::authenticate(access);
                break;
            case Access::Step::kIssuer:
                rc = steps::judge_issuer(access);
                break;
            case Access::Step::kIssuerKeys:
                rc = steps::judge_newer_keys(access);
                break;
            case Access::Step::kCaller:
                rc = steps::identify(access);
                break;
            case Access::Step::kCallerLimits:
                rc = limits::ask(access.request, limits::Stage::kCaller, &access);
                access.step = rc == NGX_OK ? Access::Step::kResolve : access.step;
                break;
            case Access::Step::kResolve:
                rc = steps::resolve(access);
                break;
            case Access::Step::kToken:
                rc = steps::authorise(access);
                break;
            case Access::Step::kConnectionLimits:
                rc = limits::ask(access.request, limits::Stage::kConnection, &access);
                rc = rc == NGX_OK ? steps::after_connection_limits(access) : rc;
                break;
            case Access::Step::kRefresh:
                rc = steps::after_refresh(access);
                break;
            case Access::Step::kAuthorised:
                rc = hands_out_token(*access.conf) ? steps::look_again(access) : NGX_OK;
                if (rc == NGX_OK) {
                    return hand_on(access);
                }
                break;
        }
        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        if (rc != NGX_OK) {
            return rc;
        }
    }
}

/// Which connection is meant must be read before the caller's headers are taken off.
ngx_int_t begin(ngx_http_request_t *r, const LocConf &conf, Access *&started) {
    RequestCtx *ctx = ensure_request_ctx(r);
    void *place = ngx_palloc(r->pool, sizeof(Access));
    if (ctx == nullptr || place == nullptr) {
        return NGX_ERROR;
    }

    if (settle_trace(r, static_cast<TraceMode>(conf.trace)) != NGX_OK) {
        return NGX_ERROR;
    }

    auto *access = ::new (place) Access;
    access->request = r;
    access->conf = &conf;
    if (conf.connection != nullptr && steps::needs_token(conf)) {
        ngx_str_t value;
        if (ngx_http_complex_value(r, conf.connection, &value) != NGX_OK) {
            return NGX_ERROR;
        }
        const ngx_str_t copy = copy_to_pool(r->pool, to_view(value));
        if (copy.data == nullptr) {
            return NGX_ERROR;
        }
        access->connection_id = to_view(copy);
    }
    ctx->access = access;
    started = access;
    return NGX_OK;
}

/// First of the three counters (ok, refused, failed) of what the location does.
Counter first_counter(const LocConf &conf) {
    if (is_injecting(conf)) {
        return Counter::kInjectOk;
    }
    switch (api_mode(conf)) {
        case ApiMode::kToken:
            return Counter::kTokenOk;
        case ApiMode::kRefresh:
            return Counter::kRefreshOk;
        case ApiMode::kCheck:
            return Counter::kCheckOk;
        case ApiMode::kPass:
            return Counter::kPassOk;
        case ApiMode::kOff:
            break;
    }
    return Counter::kAuthOnlyOk;
}

Counter after(Counter counter, unsigned places) {
    return static_cast<Counter>(static_cast<unsigned>(counter) + places);
}

/// First of the six counters of a kind of lookup.
Counter first_lookup_counter(record::Kind kind) {
    switch (kind) {
        case record::Kind::kToken:
            return Counter::kTokenLookupL1;
        case record::Kind::kCaller:
            return Counter::kCallerLookupL1;
        case record::Kind::kIssuer:
            break;
    }
    return Counter::kIssuerLookupL1;
}

/// In the order of the counters: L1, L2, origin, stale, negative, failed.
unsigned place_of(TokenSource source) {
    return source == TokenSource::kNone ? 5 : static_cast<unsigned>(source) - 1;
}

/// nginx skips the access phase of subrequests: they would go to the provider without a credential, and with
/// what the caller has presented.
ngx_int_t refuse_subrequest(ngx_http_request_t *r) noexcept {
    if (r == r->main || !is_injecting(*loc_conf(r)) || is_control_plane_subrequest(r)) {
        return NGX_DECLINED;
    }
    ngx_log_error(
        NGX_LOG_ERR, r->connection->log, 0,
        "nexus: a subrequest (auth_request, mirror, SSI) to a location with \"nexus_inject\" is not sent");
    return NGX_HTTP_FORBIDDEN;
}

}  // namespace

namespace steps {

bool needs_token(const LocConf &conf) noexcept {
    const ApiMode api = api_mode(conf);
    return is_injecting(conf) || (api != ApiMode::kOff && api != ApiMode::kPass);
}

ngx_int_t refuse(Access &access, const Refusal &refusal) {
    ngx_http_request_t *r = access.request;
    count_refused(*access.conf, refusal.errc);
    ngx_http_finalize_request(r, send_refusal(r, refusal));
    return NGX_DONE;
}

ngx_int_t refuse(Access &access, Errc errc) {
    return refuse(access, Refusal{.errc = errc});
}

void count_lookup(const Lookup &lookup) {
    metrics::count(after(first_lookup_counter(lookup.kind), place_of(lookup.source)));
}

ngx_int_t look_up(Access &access, Lookup &lookup) {
    ngx_http_request_t *r = access.request;
    lookup.request = r;
    lookup.done = on_lookup_done;
    lookup.data = &access;

    const ngx_int_t rc = start_lookup(&lookup);
    if (rc != NGX_AGAIN) {
        return rc;
    }

    access.waiting = true;
    access.waiting_since_us = metrics::precise_us();
    r->read_event_handler = ngx_http_test_reading;  // notice a client that leaves
    if (r->connection->read->ready) {
        ngx_post_event(r->connection->read, &ngx_posted_events);
    } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }
    return NGX_AGAIN;
}

}  // namespace steps

void count_refused(const LocConf &conf, Errc errc) noexcept {
    metrics::count(after(first_counter(conf), errc_info(errc).http_status >= 500 ? 2 : 1));
}

void count_ok(const LocConf &conf) noexcept {
    metrics::count(first_counter(conf));
}

static_assert(std::is_trivially_destructible_v<Access>);  // it lies in a pool, without a cleanup

ngx_int_t on_access(ngx_http_request_t *r) noexcept {
    const LocConf *conf = loc_conf(r);
    if (!is_guarded(*conf)) {
        return NGX_DECLINED;
    }

    return guarded(r, [&]() -> ngx_int_t {
        if (r->method == NGX_HTTP_OPTIONS && !methods_of(api_mode(*conf)).empty()) {
            ngx_http_finalize_request(r, answer_options(r, api_mode(*conf)));
            return NGX_DONE;
        }
        Access *access = access_of(r);
        if (access == nullptr && begin(r, *conf, access) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        return run(*access);
    });
}

ngx_int_t init_request_phases(ngx_conf_t *cf) noexcept {
    // `deny`, auth_basic and auth_request have let the request through, and have read what the caller's
    // headers said, before these are stripped.
    if (ask_last(cf, NGX_HTTP_ACCESS_PHASE, on_access) != NGX_OK ||
        ask_first(cf, NGX_HTTP_PRECONTENT_PHASE, refuse_subrequest) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_t request_id = ngx_string("request_id");
    ngx_str_t connection_header = ngx_string("http_x_nexus_connection");
    MainConf *mcf = main_conf(cf);
    mcf->request_id_index = ngx_http_get_variable_index(cf, &request_id);
    mcf->connection_header_index = ngx_http_get_variable_index(cf, &connection_header);
    if (mcf->request_id_index == NGX_ERROR || mcf->connection_header_index == NGX_ERROR) {
        return NGX_ERROR;
    }
    return metrics::add_zone(cf) == NGX_CONF_OK && auth_failures::add_zone(cf) == NGX_OK &&
                   provider_pause::add_zone(cf) == NGX_OK
               ? guard_error_logs(cf)
               : NGX_ERROR;
}

Access *access_of(const ngx_http_request_t *r) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    return ctx != nullptr ? ctx->access : nullptr;
}

bool is_guarded(const LocConf &conf) noexcept {
    return is_authenticating(conf) || steps::needs_token(conf) || api_mode(conf) != ApiMode::kOff;
}

bool is_injecting(const LocConf &conf) noexcept {
    return static_cast<InjectMode>(conf.inject) != InjectMode::kOff;
}

bool is_authenticating(const LocConf &conf) noexcept {
    return conf.auth != kAuthOff;
}

bool takes(const LocConf &conf, caller::Method method) noexcept {
    return (conf.auth & auth_bit(method)) != 0;
}

ApiMode api_mode(const LocConf &conf) noexcept {
    return static_cast<ApiMode>(conf.api);
}

UnixMs now_ms() noexcept {
    const ngx_time_t *tp = ngx_timeofday();
    return static_cast<UnixMs>(tp->sec) * 1000 + static_cast<UnixMs>(tp->msec);
}

}  // namespace nexus::edge
