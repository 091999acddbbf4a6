// Editing the first buffer of a gRPC request; nginx corrects the stream's number in it when it sends.
#include "ngx_module/inject/inject_grpc.h"

#include "ngx_module/inject/inject.h"
#include "ngx_module/ngx/wiped_area.h"
#include "ngx_module/upstream/wrap.h"
#include "shared/http1/cookies.h"
#include "shared/strategy/signing.h"

namespace nexus::edge {

namespace {

ngx_int_t refuse(ngx_http_request_t *r, const Error &error) {
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "nexus: %s, the request is not sent",
                  error.message.c_str());
    return refuse_upstream(r, error.errc);
}

ngx_int_t write(ngx_http_request_t *r, const http2::HeaderFrames &frames,
                std::span<const http1::HeaderLine> lines) {
    const http2::HeaderFrames::Edit edit{.set = lines, .remove = kOwnHeaders};
    const std::span<char> area = wiped_area(r->pool, frames.size_bound(edit));
    if (area.data() == nullptr) {
        return refuse_upstream(r, Errc::kInternal);
    }
    const Result<size_t> size = frames.write(edit, area);
    if (!size) {
        return refuse(r, size.error());
    }

    // start == pos: a retry sends the buffer again from `start`
    ngx_buf_t *b = r->upstream->request_bufs->buf;
    b->start = reinterpret_cast<u_char *>(area.data());
    b->pos = b->start;
    b->last = b->start + *size;
    b->end = b->start + area.size();
    return NGX_OK;
}

}  // namespace

Result<http2::HeaderFrames> grpc_frames(const ngx_http_request_t *r) {
    const ngx_chain_t *first = r->upstream->request_bufs;
    if (first == nullptr || first->buf == nullptr || !ngx_buf_in_memory(first->buf)) {
        return fail(Errc::kInternal, "there is no serialised request");
    }
    return http2::HeaderFrames::parse({reinterpret_cast<const char *>(first->buf->pos),
                                       static_cast<size_t>(first->buf->last - first->buf->pos)});
}

std::string grpc_authority(const http2::HeaderFrames &frames) {
    std::string authority;
    for (const std::string_view name : {":authority", "host"}) {
        const Result<std::vector<std::string>> values = frames.find_all(name);
        if (!values) {
            return {};
        }
        for (const std::string &value : *values) {
            if (!authority.empty() && value != authority) {
                return {};
            }
            authority = value;
        }
    }
    return authority;
}

std::string grpc_pseudo_field(const http2::HeaderFrames &frames, std::string_view name) {
    Result<std::vector<std::string>> values = frames.find_all(name);
    return values && values->size() == 1 ? std::move(values->front()) : std::string{};
}

bool is_for_grpc(const record::TokenView &record) noexcept {
    return !strategy::is_signing(record) && record.strategy() != "query_param";
}

ngx_int_t write_grpc_credential(ngx_http_request_t *r, const http2::HeaderFrames &frames,
                                const strategy::Injection &injection) {
    if (injection.place == strategy::Injection::Place::kHeader) {
        return write(r, frames, InjectedLines(injection).all());
    }

    // Cookies may come in several fields (RFC 9113 section 8.2.3); one goes out.
    const Result<std::vector<std::string>> callers = frames.find_all("cookie");
    if (!callers) {
        return refuse(r, callers.error());
    }
    http1::Head head;
    for (const std::string &cookies : *callers) {
        head.lines.push_back({"Cookie", cookies});
    }
    const Secret cookies{http1::with_cookie(head, injection.name, injection.value)};
    const http1::HeaderLine line[] = {{"cookie", cookies.view()}};
    return write(r, frames, line);
}

}  // namespace nexus::edge
