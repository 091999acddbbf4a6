// A signature of what is serialised by now, and its header lines.
#include "ngx_module/sign/signature.h"

#include <array>

#include "ngx_module/inject/inject.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/scrub/scrub.h"
#include "ngx_module/sign/sigv4_conf.h"
#include "ngx_module/upstream/wrap.h"
#include "ngx_module/worker.h"
#include "shared/crypto/random.h"
#include "shared/encoding/hex.h"
#include "shared/http1/target_uri.h"

namespace nexus::edge {

namespace {

/// For strategies that want something in each request that was in none before it.
std::string unique_of(const Access &access) {
    constexpr size_t kBytes = 16;
    const bool wants_one = access.token->strategy() == "oauth1" || strategy::is_dpop_bound(*access.token);
    return wants_one ? encoding::hex_encode(crypto::random_bytes(kBytes)) : std::string{};
}

}  // namespace

ngx_int_t refuse_to_sign(ngx_http_request_t *r, const Access &access, const CallersFault &fault) {
    ngx_str_t why = to_ngx_str(fault.why);
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "nexus: %V, the request is not sent", &why);
    count_refused(*access.conf, fault.errc);
    return refuse_upstream(r, fault.errc, fault.why, fault.status);
}

ngx_int_t refuse_to_sign(ngx_http_request_t *r, const Access &access, const char *why) {
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "nexus: %s, the request is not sent", why);
    count_refused(*access.conf, Errc::kStrategyFailed);
    return refuse_upstream(r, Errc::kStrategyFailed);
}

std::string dpop_origin(const ngx_http_request_t *r, const Access &access) {
    return strategy::is_dpop_bound(*access.token)
               ? http1::origin(r->upstream->ssl, http1::find_header(request_head(r), "Host"))
               : std::string{};
}

strategy::SigningChoice choice_of(const Access &access) {
    const Sigv4Conf &conf = *access.conf->sigv4;
    if (!conf.hints.empty()) {
        return {access.signing_hint.region, access.signing_hint.service};
    }
    return {to_view(conf.region), to_view(conf.service)};
}

Result<strategy::Signature> make_signature(const ngx_http_request_t *r, const Access &access,
                                           const ToSend &sent) {
    strategy::RequestToSign request;
    request.head = sent.head;
    request.body = [&](const std::function<void(std::string_view)> &take) {
        return read_body(sent.body, take);
    };
    request.body_bytes = sent.body.size();
    request.now = now_ms();
    request.is_tls = r->upstream->ssl;
    const std::string unique = unique_of(access);
    request.unique = unique;
    request.dpop_nonce = worker()->dpop_nonces().of(dpop_origin(r, access));
    request.payload_hash = sent.payload_hash;
    request.scratch = sent.scratch;
    return strategy::sign_request(
        *access.token, request, choice_of(access),
        [](std::string_view secret_key, std::string_view date, const sigv4::Scope &scope) {
            return worker()->signing_keys().get(secret_key, date, scope);
        },
        [](std::string_view private_jwk) { return worker()->dpop_keys().get(private_jwk); });
}

ngx_int_t put_on_signature(ngx_http_request_t *r, const strategy::Signature &signature) {
    look_for(r, signature.set.front().value);
    look_for(r, signature.bare);
    std::array<http1::HeaderLine, 8> lines;
    std::array<std::string_view, 8> remove;
    size_t set = 0, removed = 0;
    for (const strategy::SignedLine &line : signature.set) {
        lines.at(set++) = {line.name, line.value};
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

}  // namespace nexus::edge
