// Holding back a 401, refreshing, sending again. The steps that nginx has to be talked through were tried one
// by one (background/upstream-signing-notes.md, section 6):
//
//   401 arrives  the header filter keeps the request (count, body, keepalive) and asks for a refresh; the
//   body filter drains
//                the answer into a bounded copy, so that the upstream connection can be kept
//   both done    with a newer token: the answer's head is set back, and the content handler runs again;
//                else the answer that was held goes out, byte for byte
#include "ngx_module/replay/replay.h"

#include <utility>

#include "ngx_module/answer/errors.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/event.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/record/open_record.h"
#include "ngx_module/request_ctx.h"
#include "ngx_module/sign/dpop_answer.h"
#include "ngx_module/upstream/live.h"
#include "shared/connection/state.h"
#include "shared/http1/syntax.h"
#include "shared/strategy/signing.h"

namespace nexus::edge {

struct Replay {
    enum class Step : uint8_t { kWatching, kHolding, kOver };

    explicit Replay(Access &of) : access(of), turn(of.request->connection->log, this, &on_turn) {}
    static void on_turn(void *owner) noexcept;

    Access &access;
    Step step = Step::kWatching;

    // as they were before the first attempt
    ngx_http_headers_out_t headers_out;
    ngx_uint_t last_part_lines = 0;
    ngx_list_part_t *last_part = nullptr;

    // the proxy module's, while holding
    ngx_int_t (*input_filter_init)(void *r) = nullptr;
    ngx_int_t (*input_filter)(void *r, ssize_t bytes) = nullptr;
    ngx_event_pipe_input_filter_pt pipe_input_filter = nullptr;

    // while holding
    bool keepalive = false;
    bool is_for_nonce = false;  // the token is good: the proof beside it lacked the provider's nonce
    bool is_refreshed = false;  // or it is clear that it will not be
    bool is_drained = false;
    bool is_waited_for = false;  // a provider that does not end its answer is not waited for
    std::string body;            // of the 401
    bool is_body_whole = true;
    Lookup refresh;
    Event turn;
};

namespace {

using metrics::Counter;

constexpr size_t kMaxHeldBody = 64 * 1024;
constexpr ngx_msec_t kDrainMs = 1000;

ngx_http_output_header_filter_pt g_next_header_filter;
ngx_http_output_body_filter_pt g_next_body_filter;

Replay *replay_of(const ngx_http_request_t *r) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    return ctx != nullptr ? ctx->replay : nullptr;
}

/// Can the request be sent again as it was?
bool is_repeatable(const ngx_http_request_t *r, const ReplayConf &conf) noexcept {
    if (r->request_body_no_buffering || r->upstream->upgrade || r->upstream->cacheable ||
        is_grpc(*r->upstream)) {
        return false;
    }
    uint64_t size = 0;
    for (const ngx_chain_t *link = r->request_body != nullptr ? r->request_body->bufs : nullptr;
         link != nullptr; link = link->next) {
        size += static_cast<uint64_t>(ngx_buf_size(link->buf));
    }
    return size <= conf.max_body;
}

bool is_unauthorized(const ngx_http_request_t *r, const Replay &replay) noexcept {
    return replay.step == Replay::Step::kWatching && r == r->main && is_upstream_live(r) &&
           r->headers_out.status == NGX_HTTP_UNAUTHORIZED &&
           (replay.access.token->refreshable() || asks_for_dpop_nonce(r)) &&
           r->headers_out.content_length_n <= static_cast<off_t>(kMaxHeldBody) &&
           is_repeatable(r, *replay.access.conf->replay);
}

void on_refreshed(Lookup *lookup) noexcept {
    auto *replay = static_cast<Replay *>(lookup->data);
    replay->is_refreshed = true;
    replay->turn.post();
}

/// returns false: out of memory
bool ask_for_refresh(Replay &replay) {
    Lookup &refresh = replay.refresh;
    refresh.request = replay.access.request;
    refresh.kind = record::Kind::kToken;
    refresh.id = replay.access.token_lookup.id;
    refresh.force_refresh = true;
    refresh.refresh_above_generation = replay.access.answer->header.generation;
    refresh.done = on_refreshed;
    refresh.data = &replay;
    const ngx_int_t rc = start_lookup(&refresh);
    replay.is_refreshed = rc == NGX_OK;
    return rc != NGX_ERROR;
}

// A body that the proxy module cannot read (a malformed chunk) would end the request, held or not. It ends as
// one that breaks off instead: the module's readers are stood in for, and what they call an error becomes one
// of the connection.

ngx_int_t on_bytes(void *data, ssize_t bytes) noexcept {
    auto *r = static_cast<ngx_http_request_t *>(data);
    Replay *replay = replay_of(r);
    if (replay == nullptr) {
        return NGX_ERROR;
    }
    const ngx_int_t rc = replay->input_filter(r, bytes);
    if (rc != NGX_ERROR || replay->step != Replay::Step::kHolding) {
        return rc;
    }
    r->upstream->error = 1;
    replay->turn.post();  // the upstream ends in this turn of the event loop, after us
    return NGX_OK;
}

ngx_int_t on_pipe_bytes(ngx_event_pipe_t *pipe, ngx_buf_t *buf) noexcept {
    Replay *replay = replay_of(static_cast<ngx_http_request_t *>(pipe->input_ctx));
    if (replay == nullptr) {
        return NGX_ERROR;
    }
    const ngx_int_t rc = replay->pipe_input_filter(pipe, buf);
    if (rc != NGX_ERROR || replay->step != Replay::Step::kHolding) {
        return rc;
    }
    pipe->upstream_error = 1;
    replay->turn.post();
    return NGX_OK;
}

/// The proxy module chooses its readers here, by the answer's head.
ngx_int_t on_input_filter_init(void *data) noexcept {
    auto *r = static_cast<ngx_http_request_t *>(data);
    Replay *replay = replay_of(r);
    if (replay == nullptr) {
        return NGX_ERROR;
    }
    const ngx_int_t rc = replay->input_filter_init(r);
    ngx_http_upstream_t *u = r->upstream;
    replay->input_filter = std::exchange(u->input_filter, on_bytes);
    replay->pipe_input_filter = std::exchange(u->pipe->input_filter, on_pipe_bytes);
    return rc;
}

/// Before nginx has made ready for the body.
void read_leniently(ngx_http_request_t *r, Replay &replay) {
    replay.input_filter_init = std::exchange(r->upstream->input_filter_init, on_input_filter_init);
}

ngx_int_t hold(ngx_http_request_t *r, Replay &replay) {
    replay.is_for_nonce = asks_for_dpop_nonce(r);
    replay.is_refreshed = replay.is_for_nonce;
    if (!replay.is_for_nonce && !ask_for_refresh(replay)) {
        return NGX_ERROR;
    }
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "nexus: the provider answered 401: %s",
                  replay.is_for_nonce ? "the request is sent again with its DPoP nonce"
                                      : "the token is refreshed and the request sent again");
    metrics::count(Counter::kReplaysBegun);
    replay.step = Replay::Step::kHolding;
    replay.keepalive = r->keepalive;
    r->preserve_body = 1;  // nginx would delete a temporary file when the answer begins
    ++r->main->count;
    replay.turn.arm(kDrainMs);
    read_leniently(r, replay);
    return NGX_OK;
}

/// Takes the buffers: their bytes are kept as far as there is room.
void drain(Replay &replay, ngx_chain_t *in) {
    for (; in != nullptr; in = in->next) {
        ngx_buf_t *b = in->buf;
        if (ngx_buf_in_memory(b)) {
            const auto size = static_cast<size_t>(b->last - b->pos);
            replay.is_body_whole = replay.is_body_whole && replay.body.size() + size <= kMaxHeldBody;
            if (replay.is_body_whole) {
                replay.body.append(reinterpret_cast<const char *>(b->pos), size);
            }
        } else if (b->in_file && b->file_last > b->file_pos) {
            replay.is_body_whole = false;
        }
        b->pos = b->last;
        b->file_pos = b->file_last;
        if (b->last_buf != 0) {
            replay.is_drained = true;
            replay.turn.post();  // the upstream ends in this turn of the event loop, after us
        }
    }
}

/// A newer token that can be used: then access has it.
bool take_refreshed(Replay &replay) {
    Access &access = replay.access;
    Lookup &refresh = replay.refresh;
    if (refresh.status != LookupStatus::kFound ||
        refresh.header.generation <= access.answer->header.generation) {
        return false;
    }
    const Result<OpenedToken> opened = open_token(refresh);
    if (!opened) {
        return false;
    }
    access.answer = &refresh;
    access.token.emplace(opened->view);
    access.token_bytes = opened->bytes;
    return true;
}

void set_head_back(ngx_http_request_t *r, const Replay &replay) noexcept {
    r->headers_out = replay.headers_out;
    r->headers_out.headers.last = replay.last_part;
    replay.last_part->nelts = replay.last_part_lines;
    replay.last_part->next = nullptr;
}

/// What the provider asks for; "Bearer" if it does not say.
std::string challenge_of(ngx_http_request_t *r) {
    std::string text;
    for_each_line(r->headers_out.headers, [&](const ngx_table_elt_t &line) {
        if (line.hash != 0 && http1::equal_ignoring_case(to_view(line.key), "WWW-Authenticate")) {
            text.append(text.empty() ? "" : ", ").append(to_view(line.value));
        }
    });
    return text.empty() ? "Bearer" : text;
}

ngx_int_t send_held(ngx_http_request_t *r, const Replay &replay) {
    if (!replay.is_drained) {  // no part of an answer goes out as the whole of it
        set_head_back(r, replay);
        return send_refusal(r, {.errc = Errc::kTokenUnavailable});
    }
    if (!replay.is_body_whole) {
        const std::string challenge = challenge_of(r);
        set_head_back(r, replay);
        return send_refusal(r, {.errc = Errc::kProviderError,
                                .message = "the provider answered 401, with more than can be held back",
                                .challenge = challenge,
                                .status = NGX_HTTP_UNAUTHORIZED});
    }
    const ngx_int_t rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    if (b == nullptr) {
        return NGX_ERROR;
    }
    if (!replay.body.empty()) {
        b->pos = reinterpret_cast<u_char *>(
            const_cast<char *>(replay.body.data()));  // lives as long as the request
        b->last = b->pos + replay.body.size();
        b->temporary = 1;  // may be written to: by scrubbing
    }
    b->last_buf = 1;
    ngx_chain_t out{b, nullptr};
    return ngx_http_output_filter(r, &out);
}

ngx_int_t send_again(ngx_http_request_t *r, const Replay &replay) {
    set_head_back(r, replay);
    return r->content_handler(r);
}

ngx_int_t go_on(ngx_http_request_t *r, Replay &replay) {
    if (replay.is_for_nonce) {
        metrics::count(Counter::kReplaysSent);
        return send_again(r, replay);
    }
    if (!take_refreshed(replay)) {
        metrics::count(Counter::kReplaysWithout);
        return send_held(r, replay);
    }
    const record::TokenView &token = *replay.access.token;
    if (const std::optional<Errc> refusal = connection::refusal(token.state())) {
        metrics::count(Counter::kReplaysWithout);
        set_head_back(r, replay);
        return send_refusal(
            r,
            {.errc = *refusal, .reason = token.attention_reason(), .reconnect_url = token.reconnect_url()});
    }
    metrics::count(Counter::kReplaysSent);
    return send_again(r, replay);
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    Replay *replay = replay_of(r);
    if (replay == nullptr || !is_unauthorized(r, *replay)) {
        return g_next_header_filter(r);
    }
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "a provider's 401",
                                 [&] { return hold(r, *replay); });
}

ngx_int_t on_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept {
    Replay *replay = replay_of(r);
    if (replay == nullptr || replay->step != Replay::Step::kHolding) {
        return g_next_body_filter(r, in);
    }
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "a provider's 401", [&] {
        drain(*replay, in);
        return NGX_OK;
    });
}

}  // namespace

void Replay::on_turn(void *owner) noexcept {
    auto &replay = *static_cast<Replay *>(owner);
    ngx_http_request_t *r = replay.access.request;
    ngx_connection_t *c = r->connection;  // r may be gone afterwards
    if (replay.step != Step::kHolding) {
        return;
    }
    ngx_http_set_log_request(c->log, r);
    const bool is_live = is_upstream_live(r);
    if (!replay.is_refreshed || (is_live && !replay.is_waited_for)) {
        if (!replay.turn.is_armed()) {  // this was the time: from here on the refresh alone is waited for
            replay.is_waited_for = true;
        }
        if (!replay.is_refreshed || !replay.is_waited_for) {
            return;
        }
    }

    replay.turn.cancel();
    replay.step = Step::kOver;
    if (is_live) {
        end_upstream(r);  // our count keeps the request
    }
    r->done = 0;
    r->request_complete = 0;
    r->keepalive = replay.keepalive ? 1 : 0;
    const ngx_int_t rc = guarded(r, [&] { return go_on(r, replay); });
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}

ngx_int_t prepare_replay(Access &access) {
    ngx_http_request_t *r = access.request;
    const bool may_help = access.token->refreshable() || strategy::is_dpop_bound(*access.token);
    if (access.conf->replay == nullptr || r != r->main || !may_help) {
        return NGX_OK;
    }
    RequestCtx *ctx = ensure_request_ctx(r);
    const auto replay = PoolPtr<Replay>::make(r->pool, access);
    if (ctx == nullptr || !replay) {
        return NGX_ERROR;
    }
    replay->headers_out = r->headers_out;
    replay->last_part = r->headers_out.headers.last;
    replay->last_part_lines = replay->last_part->nelts;
    ctx->replay = replay.get();
    return NGX_OK;
}

void init_replay() noexcept {
    g_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
    g_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = on_body;
}

char *on_nexus_retry_unauthorized(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    return guarded_or<char *>(static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_retry_unauthorized",
                              [&]() -> char * {
                                  auto *lcf = static_cast<LocConf *>(conf);
                                  if (lcf->replay != NGX_CONF_UNSET_PTR) {
                                      return refuse(cf, cmd, "is duplicate");
                                  }
                                  const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
                                  const std::string_view mode = to_view(arguments[1]);
                                  if (mode == "off" && cf->args->nelts == 2) {
                                      lcf->replay = nullptr;
                                      return NGX_CONF_OK;
                                  }
                                  if (mode != "on") {
                                      return refuse(cf, cmd, "takes off, or on [max_body=SIZE]");
                                  }
                                  const auto made = PoolPtr<ReplayConf>::make(cf->pool);
                                  if (!made) {
                                      return static_cast<char *>(NGX_CONF_ERROR);
                                  }
                                  if (cf->args->nelts == 3) {
                                      const auto text = parameter(arguments[2], "max_body");
                                      ngx_str_t size = to_ngx_str(text.value_or(""));
                                      const off_t bytes = text ? ngx_parse_offset(&size) : NGX_ERROR;
                                      if (bytes < 0) {
                                          return refuse(cf, cmd, "takes max_body=SIZE, such as max_body=1m");
                                      }
                                      made->max_body = static_cast<size_t>(bytes);
                                  }
                                  lcf->replay = made.get();
                                  return NGX_CONF_OK;
                              });
}

}  // namespace nexus::edge
