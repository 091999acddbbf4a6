// Buffers in memory and in files.
#include "ngx_module/sign/sent_body.h"

#include <algorithm>
#include <string>

namespace nexus::edge {

namespace {

using Take = std::function<void(std::string_view)>;

constexpr size_t kReadBytes = 64 * 1024;

bool read_file(ngx_buf_t *b, const Take &take) {
    std::string piece(kReadBytes, '\0');
    for (off_t at = b->file_pos; at < b->file_last;) {
        const size_t wanted = static_cast<size_t>(std::min<off_t>(b->file_last - at, kReadBytes));
        const ssize_t got = ngx_read_file(b->file, reinterpret_cast<u_char *>(piece.data()), wanted, at);
        if (got != static_cast<ssize_t>(wanted)) {
            return false;
        }
        take({piece.data(), wanted});
        at += got;
    }
    return true;
}

}  // namespace

uint64_t SentBody::size() const {
    uint64_t size = text.size();
    for (const ngx_chain_t *link = buffers; link != nullptr; link = link->next) {
        size += static_cast<uint64_t>(ngx_buf_size(link->buf));
    }
    return size;
}

SentBody sent_body(const ngx_http_request_t *r, std::string_view head) {
    const ngx_chain_t *first = r->upstream->request_bufs;
    const std::string_view block{reinterpret_cast<const char *>(first->buf->pos),
                                 static_cast<size_t>(first->buf->last - first->buf->pos)};
    return {block.substr(head.size()), first->next};
}

bool read_body(const SentBody &body, const Take &take) {
    take(body.text);
    for (const ngx_chain_t *link = body.buffers; link != nullptr; link = link->next) {
        ngx_buf_t *b = link->buf;
        if (ngx_buf_in_memory(b)) {
            take({reinterpret_cast<const char *>(b->pos), static_cast<size_t>(b->last - b->pos)});
        } else if (b->in_file && !read_file(b, take)) {
            return false;
        }
    }
    return true;
}

}  // namespace nexus::edge
