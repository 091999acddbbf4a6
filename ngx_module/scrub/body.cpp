// The answer's body: buffers of the upstream are covered in place and passed on; an end that might begin a
// secret is cut off and goes out later in a buffer of ours.
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/scrub/state.h"

extern "C" {
extern ngx_module_t ngx_http_nexus_module;
}

namespace nexus::edge {

ngx_http_output_body_filter_pt g_after_scrub_body;

namespace {

const ngx_buf_tag_t kTag = static_cast<ngx_buf_tag_t>(&ngx_http_nexus_module);

/// A chain that grows at its end, of links of ours.
class Chain {
public:
    explicit Chain(ngx_pool_t *pool) : pool_(pool) {}

    bool push(ngx_buf_t *b) {
        ngx_chain_t *link = ngx_alloc_chain_link(pool_);
        if (link == nullptr) {
            return false;
        }
        link->buf = b;
        link->next = nullptr;
        *end_ = link;
        end_ = &link->next;
        return true;
    }
    ngx_chain_t *first() const { return first_; }

private:
    ngx_pool_t *pool_;
    ngx_chain_t *first_ = nullptr;
    ngx_chain_t **end_ = &first_;
};

/// May the buffer be written to? nginx marks those of an unbuffered upstream as if not; what is not the
/// upstream's is not the provider's (error pages).
bool is_writable(const ngx_http_request_t *r, const ngx_buf_t *b) {
    const ngx_buf_t *upstream = r->upstream != nullptr ? &r->upstream->buffer : nullptr;
    return b->temporary || (upstream != nullptr && b->pos >= upstream->start && b->last <= upstream->end);
}

/// returns false: out of memory
bool push_text(ngx_http_request_t *r, Scrubbing &scrubbing, std::string_view text, Chain &out) {
    if (text.empty()) {
        return true;
    }
    ngx_buf_t *b = nullptr;
    if (ngx_chain_t *link = scrubbing.free; link != nullptr) {
        b = link->buf;
        scrubbing.free = link->next;
        ngx_free_chain(r->pool, link);
    } else {
        b = ngx_create_temp_buf(r->pool, scrubbing.body->most_held());
        if (b == nullptr) {
            return false;
        }
        b->tag = kTag;
    }
    b->last = ngx_cpymem(b->pos, text.data(), text.size());
    b->flush = 1;
    return out.push(b);
}

bool push_piece(ngx_http_request_t *r, Scrubbing &scrubbing, ngx_buf_t *b, Chain &out) {
    scrub::BodyMask &body = *scrubbing.body;
    const bool is_last = b->last_buf || b->last_in_chain;
    const bool is_text = ngx_buf_in_memory(b) && b->last > b->pos && is_writable(r, b);
    const std::span<char> piece =
        is_text ? std::span<char>{reinterpret_cast<char *>(b->pos), static_cast<size_t>(b->last - b->pos)}
                : std::span<char>{};
    if (!is_text && !is_last) {
        return out.push(b);  // a flush
    }

    std::string_view free;
    const size_t held = body.take(piece, is_last, free);
    if (!push_text(r, scrubbing, free, out)) {
        return false;
    }
    b->last -= held;
    const bool is_emptied = is_text && b->last == b->pos;
    return is_emptied || out.push(b);  // an empty one that is no special one would be an error to nginx
}

/// Takes our links back, and our buffers as far as they are sent.
void take_back(ngx_http_request_t *r, Scrubbing &scrubbing, ngx_chain_t *sent) {
    Chain ours(r->pool);
    while (sent != nullptr) {
        ngx_chain_t *next = sent->next;
        if (sent->buf->tag == kTag) {
            ours.push(sent->buf);
        }
        ngx_free_chain(r->pool, sent);
        sent = next;
    }
    ngx_chain_t *first = ours.first();
    ngx_chain_update_chains(r->pool, &scrubbing.free, &scrubbing.busy, &first, kTag);
}

bool has_last(const ngx_chain_t *in) {
    for (; in != nullptr; in = in->next) {
        if (in->buf->last_buf) {
            return true;
        }
    }
    return false;
}

/// gRPC's statuses and messages: nginx has them when the body ends, those that go out and those that
/// variables show ($upstream_trailer_...).
void cover_trailers(ngx_http_request_t *r, Scrubbing &scrubbing) {
    const auto cover = [&](ngx_list_t &trailers) {
        for_each_line(trailers, [&](ngx_table_elt_t &line) {
            const bool any = cover_copy(r, scrubbing.mask, line.key);
            if (cover_copy(r, scrubbing.mask, line.value) || any) {
                scrubbing.tell(r, "trailer");
            }
        });
    };
    cover(r->headers_out.trailers);
    if (r->upstream != nullptr) {
        cover(r->upstream->headers_in.trailers);
    }
}

ngx_int_t pass(ngx_http_request_t *r, Scrubbing &scrubbing, ngx_chain_t *in) {
    Chain out(r->pool);
    for (; in != nullptr; in = in->next) {
        if (!push_piece(r, scrubbing, in->buf, out)) {
            return NGX_ERROR;
        }
    }
    if (scrubbing.body->has_covered()) {
        scrubbing.tell(r, "body");
    }
    const ngx_int_t rc = g_after_scrub_body(r, out.first());
    take_back(r, scrubbing, out.first());
    return rc;
}

}  // namespace

ngx_int_t scrub_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept {
    Scrubbing *scrubbing = find_scrubbing(r);
    if (scrubbing != nullptr && has_last(in)) {
        cover_trailers(r, *scrubbing);
    }
    const bool has_work = scrubbing != nullptr && scrubbing->body &&
                          (!scrubbing->body->is_over() || scrubbing->busy != nullptr);
    if (!has_work) {
        return g_after_scrub_body(r, in);
    }
    return guarded_or<ngx_int_t>(NGX_ERROR, r->connection->log, "scrubbing an answer's body",
                                 [&] { return pass(r, *scrubbing, in); });
}

}  // namespace nexus::edge
