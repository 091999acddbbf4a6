// Making and sending the module's own answers.
#include "ngx_module/answer/errors.h"

#include <charconv>

#include "ngx_module/answer/grpc_answer.h"
#include "ngx_module/conf.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"

namespace nexus::edge {

namespace {

constexpr int kDefaultRetryAfterSeconds = 5;
constexpr std::string_view kUsualChallenge = "Bearer realm=\"nexus\"";

std::string_view usual_message(Errc errc) {
    switch (errc) {
        case Errc::kMissingApiKey:
            return "an API key is required";
        case Errc::kInvalidApiKey:
            return "the API key is not valid";
        case Errc::kMissingCredentials:
            return "the caller must say who it is: WWW-Authenticate names the ways";
        case Errc::kInvalidCredentials:
            return "no caller is known by this";
        case Errc::kInvalidToken:
            return "the token is not valid";
        case Errc::kTooManyFailures:
            return "too many failed attempts from this address";
        case Errc::kRateLimited:
            return "too many requests";
        case Errc::kInsufficientGrant:
            return "the caller lacks the grant for this";
        case Errc::kInvalidConnectionId:
            return "the connection id is not a canonical UUID";
        case Errc::kConnectionNotFound:
            return "there is no such connection";
        case Errc::kAttentionRequired:
            return "the connection needs a person: it must be reconnected";
        case Errc::kConnectionPending:
            return "consent for the connection is not finished";
        case Errc::kConnectionNotActive:
            return "the connection is not active";
        case Errc::kConnectionRevoked:
            return "the connection was revoked";
        case Errc::kTokenUnavailable:
            return "no usable token can be had at the moment";
        case Errc::kControlPlaneUnavailable:
            return "the control plane cannot be reached at the moment";
        case Errc::kStaticToken:
            return "this credential is static and cannot be refreshed";
        case Errc::kNoRefreshToken:
            return "the provider gave no refresh token";
        case Errc::kMethodNotAllowed:
            return "the method is not allowed here";
        case Errc::kHostNotAllowed:
            return "the credential must not be sent to this host";
        default:
            return "the request could not be served";
    }
}

ngx_table_elt_t *add_header(ngx_http_request_t *r, const char *name, std::string_view value) {
    const ngx_str_t copy = copy_to_pool(r->pool, value);
    if (copy.data == nullptr) {
        return nullptr;
    }
    auto *h = static_cast<ngx_table_elt_t *>(ngx_list_push(&r->headers_out.headers));
    if (h == nullptr) {
        return nullptr;
    }
    *h = {};
    h->hash = 1;
    h->key = to_ngx_str(name);
    h->value = copy;
    return h;
}

ngx_int_t send_body(ngx_http_request_t *r, ngx_uint_t status, std::string_view content_type,
                    std::span<char> text) {
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = static_cast<off_t>(text.size());
    r->headers_out.content_type = to_ngx_str(content_type);
    r->headers_out.content_type_len = content_type.size();
    r->headers_out.content_type_lowcase = nullptr;
    r->disable_not_modified = 1;  // there is nothing to validate: `If-None-Match: *` gets the answer too
    if (add_header(r, "Cache-Control", "no-store") == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    if (b == nullptr) {
        return NGX_ERROR;
    }
    b->start = reinterpret_cast<u_char *>(text.data());
    b->pos = b->start;
    b->last = b->start + text.size();
    b->end = b->last;
    b->memory = !text.empty();
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    ngx_chain_t out{b, nullptr};
    return ngx_http_output_filter(r, &out);
}

std::string_view request_id(ngx_http_request_t *r) {
    const MainConf *mcf = main_conf(r);
    ngx_http_variable_value_t *value =
        ngx_http_get_indexed_variable(r, static_cast<ngx_uint_t>(mcf->request_id_index));
    if (value == nullptr || value->not_found) {
        return {};
    }
    return {reinterpret_cast<const char *>(value->data), value->len};
}

bool add_refusal_headers(ngx_http_request_t *r, const Refusal &refusal, int status) {
    if (status == NGX_HTTP_UNAUTHORIZED) {
        ngx_table_elt_t *h = add_header(r, "WWW-Authenticate",
                                        refusal.challenge.empty() ? kUsualChallenge : refusal.challenge);
        r->headers_out.www_authenticate = h;
        if (h == nullptr) {
            return false;
        }
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE || refusal.retry_after_s > 0) {
        char text[16];
        const int seconds = refusal.retry_after_s > 0 ? refusal.retry_after_s : kDefaultRetryAfterSeconds;
        const auto end = std::to_chars(std::begin(text), std::end(text), seconds).ptr;
        if (add_header(r, "Retry-After", {text, static_cast<size_t>(end - text)}) == nullptr) {
            return false;
        }
    }

    return refusal.allow.empty() || add_header(r, "Allow", refusal.allow) != nullptr;
}

}  // namespace

ngx_int_t send_json_text(ngx_http_request_t *r, ngx_uint_t status, std::span<char> text) noexcept {
    return send_body(r, status, "application/json", text);
}

ngx_int_t send_refusal(ngx_http_request_t *r, const Refusal &refusal) noexcept {
    const ErrcInfo info = errc_info(refusal.errc);
    metrics::count_refusal(refusal.errc);
    if (RequestCtx *ctx = request_ctx(r)) {
        ctx->error = info.code;
    }

    if (r->header_sent) {
        return NGX_ERROR;
    }
    r->err_status = 0;  // of an error_page that has led here: it would take the place of ours
    const int status = refusal.status != 0 ? refusal.status : info.http_status;
    if (!add_refusal_headers(r, refusal, status)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    const std::string_view message = refusal.message.empty() ? usual_message(refusal.errc) : refusal.message;
    if (is_grpc_call(r)) {
        return send_grpc_refusal(r, refusal, message, request_id(r));
    }
    return send_json(r, static_cast<ngx_uint_t>(status), 512, [&](JsonText &json) {
        json.open_object().name<"error">().string(info.code).name<"code">().string(info.code);
        json.name<"message">().string(message);
        if (refusal.errc == Errc::kAttentionRequired) {
            json.name<"reason">().string(refusal.reason);
            if (!refusal.reconnect_url.empty()) {
                json.name<"reconnect_url">().string(refusal.reconnect_url);
            }
        }
        json.name<"request_id">().string(request_id(r)).close_object();
    });
}

ngx_int_t send_no_content(ngx_http_request_t *r, std::string_view allow) noexcept {
    if (add_header(r, "Allow", allow) == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return send_body(r, NGX_HTTP_NO_CONTENT, {}, {});
}

ngx_int_t send_text(ngx_http_request_t *r, std::string_view content_type, std::string_view text) noexcept {
    const ngx_str_t copy = copy_to_pool(r->pool, text);
    if (copy.data == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return send_body(r, NGX_HTTP_OK, content_type, {reinterpret_cast<char *>(copy.data), copy.len});
}

}  // namespace nexus::edge
