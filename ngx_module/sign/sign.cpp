// What is signed is what is sent: the head as it is serialised, and the body in the buffers that follow it.
#include "ngx_module/sign/sign.h"

#include <optional>

#include "ngx_module/ngx/str.h"
#include "ngx_module/sign/body_hash.h"
#include "ngx_module/sign/dpop_answer.h"
#include "ngx_module/sign/sent_body.h"
#include "ngx_module/sign/sign_in_chunks.h"
#include "ngx_module/sign/signature.h"
#include "ngx_module/sign/sigv4_conf.h"
#include "ngx_module/sign/streamed_body.h"
#include "ngx_module/upstream/wrap.h"
#include "shared/sigv4/canonical.h"
#include "shared/sigv4/sign.h"
#include "shared/strategy/signing.h"

namespace nexus::edge {

namespace {

/// Some of what oauth1 does not sign is the caller's fault.
ngx_int_t refuse_unsigned(ngx_http_request_t *r, const Access &access, const Error &error) {
    if (error.errc == Errc::kPayloadTooLarge) {
        return refuse_to_sign(r, access, {error.errc, "a form of more than 1 MiB is not signed"});
    }
    if (error.errc == Errc::kInvalidRequest) {
        return refuse_to_sign(
            r, access, {error.errc, "parameters of OAuth 1.0a, or more than 4096 others, are not signed"});
    }
    return refuse_to_sign(r, access, error.message.c_str());
}

/// nullopt: it cannot be had.
std::optional<crypto::Sha256> hash_of(const ngx_http_request_t *r, const SentBody &body) {
    if (const std::optional<crypto::Sha256> hash = take_body_hash(r, body.size());
        hash && body.text.empty()) {
        return hash;
    }
    crypto::RunningSha256 hash;  // none came, or something else is sent than came
    return read_body(body, [&](std::string_view bytes) { hash.update(bytes); }) ? std::optional(hash.finish())
                                                                                : std::nullopt;
}

/// x-amz-content-sha256, which may lie in `digits`; "" if it cannot be had.
std::string_view payload_hash(const ngx_http_request_t *r, const SentBody &body, crypto::Sha256Hex &digits) {
    if (body.size() == 0) {
        return sigv4::kHashOfNothing;
    }
    const std::optional<crypto::Sha256> hash = hash_of(r, body);
    if (!hash) {
        return {};
    }
    digits = crypto::hex_of(*hash);
    return crypto::as_view(digits);
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

bool is_hint_refused(const Access &access) {
    const Sigv4Conf &conf = *access.conf->sigv4;
    return !conf.hints.empty() && !access.signing_hint.service.empty() &&
           !is_hint_allowed(conf, access.signing_hint);
}

bool is_for_s3(const Access &access) {
    const std::string_view said = choice_of(access).service;
    return sigv4::path_style_of(said.empty() ? access.token->strategy_config("service") : said) ==
           sigv4::PathStyle::kS3;
}

/// In the framing of aws-chunked, by what the caller says.
bool is_framed(std::string_view head) {
    return http1::find_header(head, "X-Amz-Content-Sha256").starts_with("STREAMING-");
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
        return refuse_to_sign(r, access,
                              {Errc::kAccessDenied, "this region or service is not signed for here"});
    }
    const std::string_view head = request_head(r);
    const SentBody body = sent_body(r, head);
    Payload payload = payload_of(access, head);
    if (payload == Payload::kStreamed) {
        if (is_streamed(r, body)) {
            return sign_in_chunks(r, access, body);
        }
        payload = Payload::kHashed;  // there is none, one that nginx's configuration says, or another service
    }
    if (payload == Payload::kUnsigned && (!r->upstream->ssl || !is_for_s3(access))) {
        return refuse_to_sign(r, access, "a payload can be left unsigned for S3 over TLS only");
    }
    const bool takes_body = payload == Payload::kRead || payload == Payload::kHashed;
    if (takes_body && r->request_body_no_buffering) {
        return refuse_to_sign(r, access,
                              "a body that is signed must be there first (proxy_request_buffering on)");
    }
    const bool is_for_aws = payload == Payload::kHashed || payload == Payload::kUnsigned;
    if (is_for_aws && body.size() != 0 && is_framed(head)) {
        return refuse_to_sign(
            r, access,
            {Errc::kInvalidRequest, "a body in aws-chunked framing is signed by payload=stream only"});
    }

    crypto::Sha256Hex digits;
    std::string_view hash;
    if (is_for_aws) {
        hash = payload == Payload::kUnsigned ? sigv4::kUnsignedPayload : payload_hash(r, body, digits);
    }
    SigningScratch scratch;
    const Result<strategy::Signature> signature = make_signature(r, access, {head, body, hash, &scratch});
    if (!signature) {
        return refuse_unsigned(r, access, signature.error());
    }
    return expect_dpop_nonce(r, dpop_origin(r, access)) == NGX_OK ? put_on_signature(r, *signature)
                                                                  : refuse_upstream(r, Errc::kInternal);
}

}  // namespace nexus::edge
