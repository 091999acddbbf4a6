// An output filter of the upstream, in place of ngx_chain_writer. A request body filter would not do: what it
// makes would have to be buffered, would land in temporary files and mirrors, and could not be made again for
// a retry (background/upstream-signing-notes.md, section 5).
#include "ngx_module/sign/chunk_filter.h"

#include <utility>

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/sign/streamed_body.h"

namespace nexus::edge {

struct ChunkFilter {
    ChunkFilter(ngx_http_request_t *r, const sigv4::BodyPlan &plan, sigv4::ChunkSeed seed)
        : request(r), reframer(plan, std::move(seed)), reinit_request(r->upstream->reinit_request) {}

    ngx_http_request_t *request;
    sigv4::Reframer reframer;
    ngx_int_t (*reinit_request)(ngx_http_request_t *r);
    ngx_chain_t *in = nullptr;  // links of ours: those that come belong to the caller
    ngx_buf_t frame{};
    bool has_head = false;    // it is sent, or on its way
    bool is_sending = false;  // what was written last has not left yet
};

namespace {

void drop_first(ChunkFilter &filter) {
    ngx_chain_t *link = filter.in;
    filter.in = link->next;
    ngx_free_chain(filter.request->pool, link);
}

/// returns false: out of memory
bool take_links(ChunkFilter &filter, const ngx_chain_t *in) {
    ngx_chain_t **last = &filter.in;
    while (*last != nullptr) {
        last = &(*last)->next;
    }
    for (; in != nullptr; in = in->next) {
        ngx_chain_t *link = ngx_alloc_chain_link(filter.request->pool);
        if (link == nullptr) {
            return false;
        }
        link->buf = in->buf;
        link->next = nullptr;
        *last = link;
        last = &link->next;
    }
    return true;
}

/// b: nullptr = go on with what is on its way
ngx_int_t write(ChunkFilter &filter, ngx_buf_t *b) {
    ngx_chain_t link{b, nullptr};
    const ngx_int_t rc = ngx_chain_writer(&filter.request->upstream->writer, b != nullptr ? &link : nullptr);
    filter.is_sending = rc == NGX_AGAIN;
    if (rc == NGX_OK) {
        filter.reframer.on_frame_sent();
    }
    return rc;
}

ngx_int_t write_frame(ChunkFilter &filter) {
    const std::string_view frame = filter.reframer.frame();
    filter.frame = {};
    filter.frame.start = reinterpret_cast<u_char *>(const_cast<char *>(frame.data()));
    filter.frame.pos = filter.frame.start;
    filter.frame.last = filter.frame.start + frame.size();
    filter.frame.end = filter.frame.last;
    filter.frame.memory = 1;
    filter.frame.flush = 1;  // TLS would keep the end of it
    return write(filter, &filter.frame);
}

/// One buffer, or as much of it as makes a frame.
ngx_int_t take_buffer(ChunkFilter &filter) {
    ngx_buf_t *b = filter.in->buf;
    if (!filter.has_head) {
        filter.has_head = true;
        drop_first(filter);
        return write(filter, b);
    }
    if (!ngx_buf_in_memory(b)) {
        drop_first(filter);  // marks the end, or a flush
        return NGX_OK;
    }
    std::string_view bytes{reinterpret_cast<const char *>(b->pos), static_cast<size_t>(b->last - b->pos)};
    if (!filter.reframer.take(bytes)) {
        ngx_log_error(NGX_LOG_ERR, filter.request->connection->log, 0,
                      "nexus: the request's body is not as it was announced, sending it ends");
        return NGX_ERROR;
    }
    b->pos = b->last - bytes.size();
    if (bytes.empty()) {
        drop_first(filter);
    }
    return filter.reframer.frame().empty() ? NGX_OK : write_frame(filter);
}

// While a frame is on its way nothing is taken: that is what holds back a client that is faster than the
// upstream.
ngx_int_t on_output(void *data, ngx_chain_t *in) noexcept {
    auto &filter = *static_cast<ChunkFilter *>(data);
    return guarded_or<ngx_int_t>(NGX_ERROR, filter.request->connection->log, "sending a body in chunks",
                                 [&]() -> ngx_int_t {
                                     if (!take_links(filter, in)) {
                                         return NGX_ERROR;
                                     }
                                     ngx_int_t rc = filter.is_sending ? write(filter, nullptr) : NGX_OK;
                                     while (rc == NGX_OK && filter.in != nullptr) {
                                         rc = take_buffer(filter);
                                     }
                                     return rc;
                                 });
}

ngx_int_t on_reinit(ngx_http_request_t *r) noexcept {
    ChunkFilter &filter = *streamed_body(r)->filter;  // u->output.filter_ctx may be another filter's by now
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "sending a body in chunks again", [&] {
        while (filter.in != nullptr) {
            drop_first(filter);
        }
        filter.reframer.restart();
        filter.has_head = false;
        filter.is_sending = false;
        return filter.reinit_request(r);
    });
}

}  // namespace

ngx_int_t send_in_chunks(ngx_http_request_t *r, const sigv4::BodyPlan &plan, sigv4::ChunkSeed seed) {
    const auto filter = PoolPtr<ChunkFilter>::make(r->pool, r, plan, std::move(seed));
    if (!filter) {
        return NGX_ERROR;
    }
    streamed_body(r)->filter = filter.get();
    ngx_http_upstream_t *u = r->upstream;
    u->output.output_filter = on_output;
    u->output.filter_ctx = filter.get();
    u->output.need_in_memory = 1;
    u->reinit_request = on_reinit;
    return NGX_OK;
}

}  // namespace nexus::edge
