// What is signed is what is sent: the head as it is serialised, and the body in the buffers that follow it.
#include "ngx_module/sign/sign.h"

#include <array>

#include "ngx_module/inject.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/scrub/scrub.h"
#include "ngx_module/sign/body_hash.h"
#include "ngx_module/sign/chunk_filter.h"
#include "ngx_module/sign/dpop_answer.h"
#include "ngx_module/sign/sent_body.h"
#include "ngx_module/sign/sigv4_conf.h"
#include "ngx_module/sign/streamed_body.h"
#include "ngx_module/upstream_wrap.h"
#include "ngx_module/worker.h"
#include "shared/crypto/random.h"
#include "shared/encoding/hex.h"
#include "shared/http1/syntax.h"
#include "shared/http1/target_uri.h"
#include "shared/sigv4/canonical.h"
#include "shared/sigv4/sign.h"
#include "shared/strategy/signing.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kAwsChunked = "aws-chunked";

/// What the caller can do something about, and is told.
struct CallersFault {
    Errc errc;
    std::string_view why;  // static text
    int status = 0;        // 0 = the usual one of `errc`
};

ngx_int_t refuse(ngx_http_request_t *r, const Access &access, const CallersFault &fault) {
    ngx_str_t why = to_ngx_str(fault.why);
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "nexus: %V, the request is not sent", &why);
    count_refused(*access.conf, fault.errc);
    return refuse_upstream(r, fault.errc, fault.why, fault.status);
}

ngx_int_t refuse(ngx_http_request_t *r, const Access &access, const char *why) {
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "nexus: %s, the request is not sent", why);
    count_refused(*access.conf, Errc::kStrategyFailed);
    return refuse_upstream(r, Errc::kStrategyFailed);
}

/// Some of what oauth1 does not sign is the caller's fault.
ngx_int_t refuse_unsigned(ngx_http_request_t *r, const Access &access, const Error &error) {
    if (error.errc == Errc::kPayloadTooLarge) {
        return refuse(r, access, {error.errc, "a form of more than 1 MiB is not signed"});
    }
    if (error.errc == Errc::kInvalidRequest) {
        return refuse(r, access,
                      {error.errc, "parameters of OAuth 1.0a, or more than 4096 others, are not signed"});
    }
    return refuse(r, access, error.message.c_str());
}

/// "" if it cannot be had.
std::string payload_hash(const ngx_http_request_t *r, const SentBody &body) {
    const uint64_t size = body.size();
    if (size == 0) {
        return std::string{sigv4::kHashOfNothing};
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
    kNone,      // oauth1, but for a form; DPoP
    kRead,      // the bytes: hmac_payload, a form of oauth1
    kHashed,    // aws_sigv4
    kUnsigned,  // aws_sigv4, and nothing of it
    kStreamed,  // aws_sigv4, chunk by chunk
};

/// head  of the serialised request
Payload payload_of(const Access &access, std::string_view head) {
    if (strategy::is_dpop_bound(*access.token)) {
        return Payload::kNone;
    }
    if (access.token->strategy() == "oauth1") {
        return strategy::is_form(http1::find_header(head, "Content-Type")) ? Payload::kRead : Payload::kNone;
    }
    if (access.token->strategy() != "aws_sigv4") {
        return Payload::kRead;
    }
    switch (access.conf->sigv4->payload) {
        case PayloadMode::kUnsigned:
            return Payload::kUnsigned;
        case PayloadMode::kStream:
            return Payload::kStreamed;
        case PayloadMode::kBuffer:
            break;
    }
    return Payload::kHashed;
}

/// What goes before the record: the caller's dummy signature where callers are asked, or the directive.
strategy::SigningChoice choice_of(const Access &access) {
    const Sigv4Conf &conf = *access.conf->sigv4;
    if (!conf.hints.empty()) {
        return {access.signing_hint.region, access.signing_hint.service};
    }
    return {to_view(conf.region), to_view(conf.service)};
}

bool is_hint_refused(const Access &access) {
    const Sigv4Conf &conf = *access.conf->sigv4;
    return !conf.hints.empty() && !access.signing_hint.service.empty() &&
           !is_hint_allowed(conf, access.signing_hint);
}

/// For strategies that want something in each request that was in none before it.
std::string unique_of(const Access &access) {
    constexpr size_t kBytes = 16;
    const bool wants_one = access.token->strategy() == "oauth1" || strategy::is_dpop_bound(*access.token);
    return wants_one ? encoding::hex_encode(crypto::random_bytes(kBytes)) : std::string{};
}

/// Whose DPoP nonces they are; "" where no proof is made.
std::string dpop_origin(const ngx_http_request_t *r, const Access &access) {
    return strategy::is_dpop_bound(*access.token)
               ? http1::origin(r->upstream->ssl, http1::find_header(request_head(r), "Host"))
               : std::string{};
}

bool is_for_s3(const Access &access) {
    const std::string_view said = choice_of(access).service;
    return sigv4::path_style_of(said.empty() ? access.token->strategy_config("service") : said) ==
           sigv4::PathStyle::kS3;
}

Result<strategy::Signature> make_signature(const ngx_http_request_t *r, const Access &access,
                                           const SentBody &body, std::string_view payload_hash) {
    strategy::RequestToSign request;
    request.head = request_head(r);
    request.body = [&](const std::function<void(std::string_view)> &take) { return read_body(body, take); };
    request.body_bytes = body.size();
    request.now = now_ms();
    request.is_tls = r->upstream->ssl;
    const std::string unique = unique_of(access);
    request.unique = unique;
    request.dpop_nonce = worker()->dpop_nonces().of(dpop_origin(r, access));
    request.payload_hash = payload_hash;
    return strategy::sign_request(
        *access.token, request, choice_of(access),
        [](std::string_view secret_key, std::string_view date, const sigv4::Scope &scope) {
            return worker()->signing_keys().get(secret_key, date, scope);
        },
        [](std::string_view private_jwk) { return worker()->dpop_keys().get(private_jwk); });
}

ngx_int_t put_on(ngx_http_request_t *r, const strategy::Signature &signature) {
    const std::string_view made = signature.set.front().value.view();
    look_for(r, made);
    look_for(r, made.substr(made.rfind('=') + 1));  // without what names it, as providers' complaints quote it
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

/// In the framing of aws-chunked, by what the caller says.
bool is_framed(const ngx_http_request_t *r) {
    return http1::find_header(request_head(r), "X-Amz-Content-Sha256").starts_with("STREAMING-");
}

/// Is its hash signed? (What cannot be signed is refused on the other way.)
bool is_whole(const StreamedBody &body) {
    return body.is_read_first && body.refusal.empty();
}

/// Does the caller's body follow the head, and is it ours to frame?
bool is_streamed(const ngx_http_request_t *r, const SentBody &body) {
    const StreamedBody *streamed = streamed_body(r);
    return streamed != nullptr && !is_whole(*streamed) && body.text.empty() &&
           (body.buffers != nullptr || r->request_body_no_buffering);
}

/// How much payload a body has that came without framing; nullopt: nobody knows yet.
std::optional<uint64_t> plain_size(const ngx_http_request_t *r, const SentBody &body) {
    if (!r->request_body_no_buffering) {
        return body.size();
    }
    // Of a chunked body nginx counts here what has come so far.
    const bool is_known = !r->headers_in.chunked || !r->reading_body;
    const off_t size = r->headers_in.content_length_n;
    return is_known && size >= 0 ? std::optional(static_cast<uint64_t>(size)) : std::nullopt;
}

/// The head of a request whose body is framed by us. returns NGX_OK, or the result of refuse_upstream
ngx_int_t announce_chunks(ngx_http_request_t *r, const sigv4::BodyPlan &plan) {
    const Result<http1::Head> head = http1::parse_head(request_head(r));
    if (!head) {
        return refuse_upstream(r, Errc::kInvalidRequest);
    }
    std::string encodings;
    for (const http1::HeaderLine &line : head->lines) {
        if (http1::equal_ignoring_case(line.name, "Content-Encoding")) {
            encodings.append(encodings.empty() ? "" : ",").append(line.value);
        }
    }
    if (encodings.find(kAwsChunked) ==
        std::string::npos) {  // in which place it stands is each SDK's own choice
        encodings = std::string{kAwsChunked} + (encodings.empty() ? "" : ",") + encodings;
    }
    const std::string size = std::to_string(sigv4::framed_size(plan));
    const std::string payload_size = std::to_string(plan.size);
    const http1::HeaderLine lines[] = {{"Content-Length", size},
                                       {"Content-Encoding", encodings},
                                       {"X-Amz-Decoded-Content-Length", payload_size},
                                       {"X-Amz-Trailer", plan.trailer}};
    const size_t count = sigv4::has_trailer(plan.framing) ? 4 : 3;
    constexpr std::string_view kRemove[] = {"Transfer-Encoding"};
    return rewrite_request_block(
        r, {.set = {std::data(lines), count}, .remove = kRemove, .query = {}, .query_name = {}});
}

ngx_int_t sign_in_chunks(ngx_http_request_t *r, const Access &access, const SentBody &body) {
    const StreamedBody &announced = *streamed_body(r);
    if (!announced.refusal.empty()) {
        return refuse(r, access, {Errc::kInvalidRequest, announced.refusal, announced.refusal_status});
    }
    sigv4::BodyPlan plan = announced.plan;
    if (plan.framing == sigv4::Framing::kPlain) {
        const std::optional<uint64_t> size = plain_size(r, body);
        if (!size) {
            return refuse(r, access,
                          {Errc::kInvalidRequest,
                           "a body of unknown length is streamed with proxy_request_buffering on only",
                           NGX_HTTP_LENGTH_REQUIRED});
        }
        plan.size = *size;
    }

    const ngx_int_t rc = announce_chunks(r, plan);
    if (rc != NGX_OK) {
        return rc;
    }
    Result<strategy::Signature> signature = make_signature(
        r, access, body,
        sigv4::has_trailer(plan.framing) ? sigv4::kStreamingPayloadTrailer : sigv4::kStreamingPayload);
    if (!signature) {
        return refuse(r, access, signature.error().message.c_str());
    }
    const ngx_int_t put = put_on(r, *signature);
    if (put != NGX_OK) {
        return put;
    }
    return send_in_chunks(r, plan, std::move(*signature->seed)) == NGX_OK
               ? NGX_OK
               : refuse_upstream(r, Errc::kInternal);
}

}  // namespace

ngx_int_t prepare_signing(const Access &access) {
    const ngx_http_headers_in_t &headers = access.request->headers_in;
    if (headers.content_length_n <= 0 && !headers.chunked) {
        return NGX_OK;
    }
    switch (payload_of(access, {})) {
        case Payload::kHashed:
            return hash_body(access.request);
        case Payload::kStreamed:
            return is_for_s3(access) ? plan_body(access.request) : hash_body(access.request);
        case Payload::kNone:
        case Payload::kRead:
        case Payload::kUnsigned:
            break;
    }
    return NGX_OK;
}

ngx_int_t sign_upstream(ngx_http_request_t *r, const Access &access) {
    if (access.token->strategy() == "aws_sigv4" && is_hint_refused(access)) {
        return refuse(r, access, {Errc::kAccessDenied, "this region or service is not signed for here"});
    }
    const SentBody body = sent_body(r);
    Payload payload = payload_of(access, request_head(r));
    if (payload == Payload::kStreamed) {
        if (is_streamed(r, body)) {
            return sign_in_chunks(r, access, body);
        }
        payload = Payload::kHashed;  // there is none, one that nginx's configuration says, or another service
    }
    if (payload == Payload::kUnsigned && (!r->upstream->ssl || !is_for_s3(access))) {
        return refuse(r, access, "a payload can be left unsigned for S3 over TLS only");
    }
    const bool takes_body = payload == Payload::kRead || payload == Payload::kHashed;
    if (takes_body && r->request_body_no_buffering) {
        return refuse(r, access, "a body that is signed must be there first (proxy_request_buffering on)");
    }
    const bool is_for_aws = payload == Payload::kHashed || payload == Payload::kUnsigned;
    if (is_for_aws && body.size() != 0 && is_framed(r)) {
        return refuse(
            r, access,
            {Errc::kInvalidRequest, "a body in aws-chunked framing is signed by payload=stream only"});
    }

    std::string hash;
    if (is_for_aws) {
        hash = payload == Payload::kUnsigned ? std::string{sigv4::kUnsignedPayload} : payload_hash(r, body);
    }
    const Result<strategy::Signature> signature = make_signature(r, access, body, hash);
    if (!signature) {
        return refuse_unsigned(r, access, signature.error());
    }
    return expect_dpop_nonce(r, dpop_origin(r, access)) == NGX_OK ? put_on(r, *signature)
                                                                  : refuse_upstream(r, Errc::kInternal);
}

}  // namespace nexus::edge
