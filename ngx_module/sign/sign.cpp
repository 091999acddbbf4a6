// What is signed is what is sent: the head as it is serialised, and the body in the buffers that follow it.
#include "ngx_module/sign/sign.h"

#include <array>

#include "ngx_module/inject.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/sign/body_hash.h"
#include "ngx_module/sign/sigv4_conf.h"
#include "ngx_module/upstream_wrap.h"
#include "ngx_module/worker.h"
#include "shared/encoding/hex.h"
#include "shared/sigv4/sign.h"
#include "shared/strategy/signing.h"

namespace nexus::edge {

namespace {

constexpr size_t kReadBytes = 64 * 1024;

using Take = std::function<void(std::string_view)>;

/// Text behind the head in its buffer (proxy_set_body), then the buffers that follow.
struct SentBody {
    std::string_view text;
    ngx_chain_t *buffers;

    uint64_t size() const {
        uint64_t size = text.size();
        for (const ngx_chain_t *link = buffers; link != nullptr; link = link->next) {
            size += static_cast<uint64_t>(ngx_buf_size(link->buf));
        }
        return size;
    }
};

SentBody sent_body(const ngx_http_request_t *r) {
    const ngx_chain_t *first = r->upstream->request_bufs;
    const std::string_view block{reinterpret_cast<const char *>(first->buf->pos),
                                 static_cast<size_t>(first->buf->last - first->buf->pos)};
    return {block.substr(request_head(r).size()), first->next};
}

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

ngx_int_t refuse(ngx_http_request_t *r, const Access &access, const char *why) {
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "nexus: %s, the request is not sent", why);
    count_refused(*access.conf, Errc::kStrategyFailed);
    return refuse_upstream(r, Errc::kStrategyFailed);
}

/// "" if it cannot be had.
std::string payload_hash(const ngx_http_request_t *r, const SentBody &body) {
    const uint64_t size = body.size();
    if (size == 0) {
        return crypto::sha256_hex({});
    }
    if (const std::optional<crypto::Sha256> hash = take_body_hash(r, size); hash && body.text.empty()) {
        return encoding::hex_encode(crypto::as_view(*hash));
    }
    crypto::RunningSha256 hash;  // none came, or something else is sent than came
    return read_body(body, [&](std::string_view bytes) { hash.update(bytes); })
               ? encoding::hex_encode(crypto::as_view(hash.finish()))
               : std::string{};
}

/// What the strategy wants to know of the body.
enum class Payload : uint8_t {
    kRead,      // the bytes: hmac_payload
    kHashed,    // aws_sigv4
    kUnsigned,  // aws_sigv4, and nothing of it
};

Payload payload_of(const Access &access) {
    if (access.token->strategy() != "aws_sigv4") {
        return Payload::kRead;
    }
    return access.conf->sigv4->payload == PayloadMode::kUnsigned ? Payload::kUnsigned : Payload::kHashed;
}

bool is_for_s3(const Access &access) {
    const std::string_view said = to_view(access.conf->sigv4->service);
    return (said.empty() ? access.token->strategy_config("service") : said) == "s3";
}

ngx_int_t put_on(ngx_http_request_t *r, const strategy::Signature &signature) {
    std::array<http1::HeaderLine, 8> lines;
    std::array<std::string_view, 8> remove;
    size_t set = 0, removed = 0;
    for (const strategy::SignedLine &line : signature.set) {
        lines.at(set++) = {line.name, line.value.view()};
    }
    for (const std::string_view name : kOwnHeaders) {
        remove.at(removed++) = name;
    }
    for (const std::string_view name : signature.remove) {
        remove.at(removed++) = name;
    }
    return rewrite_request_block(
        r, {.set = {lines.data(), set}, .remove = {remove.data(), removed}, .query = {}, .query_name = {}});
}

}  // namespace

ngx_int_t prepare_signing(const Access &access) {
    const ngx_http_headers_in_t &headers = access.request->headers_in;
    const bool has_body = headers.content_length_n > 0 || headers.chunked;
    return has_body && payload_of(access) == Payload::kHashed ? hash_body(access.request) : NGX_OK;
}

ngx_int_t sign_upstream(ngx_http_request_t *r, const Access &access) {
    const Payload payload = payload_of(access);
    if (payload == Payload::kUnsigned && (!r->upstream->ssl || !is_for_s3(access))) {
        return refuse(r, access, "a payload can be left unsigned for S3 over TLS only");
    }
    if (payload != Payload::kUnsigned && r->request_body_no_buffering) {
        return refuse(r, access, "a body that is signed must be there first (proxy_request_buffering on)");
    }

    const SentBody body = sent_body(r);
    strategy::RequestToSign request;
    request.head = request_head(r);
    request.body = [&](const Take &take) { return read_body(body, take); };
    request.now = now_ms();
    std::string hash;
    if (payload != Payload::kRead) {
        hash = payload == Payload::kUnsigned ? std::string{sigv4::kUnsignedPayload} : payload_hash(r, body);
    }
    request.payload_hash = hash;
    const Result<strategy::Signature> signature = strategy::sign_request(
        *access.token, request, {to_view(access.conf->sigv4->region), to_view(access.conf->sigv4->service)},
        [](std::string_view secret_key, std::string_view date, const sigv4::Scope &scope) {
            return worker()->signing_keys().get(secret_key, date, scope);
        });
    if (!signature) {
        return refuse(r, access, signature.error().message.c_str());
    }
    return put_on(r, *signature);
}

}  // namespace nexus::edge
