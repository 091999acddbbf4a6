// Trailers-Only: everything stands in the one header block that ends the stream.
#include "ngx_module/answer/grpc_answer.h"

#include <charconv>
#include <string>

#include "ngx_module/ngx/header_lines.h"
#include "ngx_module/ngx/str.h"
#include "shared/http1/syntax.h"

namespace nexus::edge {

namespace {

constexpr std::string_view kContentType = "application/grpc";

/// Of the status that the same refusal has in HTTP.
GrpcStatus grpc_status(int http_status) noexcept {
    switch (http_status) {
        case 400:
            return GrpcStatus::kInvalidArgument;
        case 401:
            return GrpcStatus::kUnauthenticated;
        case 403:
            return GrpcStatus::kPermissionDenied;
        case 404:
            return GrpcStatus::kNotFound;
        case 405:
            return GrpcStatus::kUnimplemented;
        case 409:
            return GrpcStatus::kFailedPrecondition;  // somebody has to do something first
        case 413:
        case 429:
            return GrpcStatus::kResourceExhausted;
        case 502:
        case 503:
            return GrpcStatus::kUnavailable;
        default:
            return GrpcStatus::kInternal;
    }
}

/// gRPC over HTTP/2, "Percent-Encoded": visible ASCII and blanks stay.
std::string encode_message(std::string_view text) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '%') {
            out.push_back(c);
        } else {
            out.append({'%', kDigits[byte >> 4], kDigits[byte & 0x0f]});
        }
    }
    return out;
}

/// Metadata of an answer; nothing where there is nothing to say. false: out of memory
///
/// lines  r->headers_out's headers or trailers
bool add(ngx_http_request_t *r, ngx_list_t &lines, std::string_view name, std::string_view value) noexcept {
    if (value.empty() || !http1::is_field_value(value)) {
        return true;
    }
    const ngx_str_t copy = copy_to_pool(r->pool, value);
    return copy.data != nullptr && add_line(lines, name, to_view(copy)) == NGX_OK;
}

bool add(ngx_http_request_t *r, std::string_view name, std::string_view value) noexcept {
    return add(r, r->headers_out.headers, name, value);
}

bool add_status(ngx_http_request_t *r, ngx_list_t &lines, GrpcStatus status,
                std::string_view message) noexcept {
    char digits[8];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), static_cast<int>(status)).ptr;
    return add(r, lines, "grpc-status", {digits, static_cast<size_t>(end - digits)}) &&
           add(r, lines, "grpc-message", encode_message(message));
}

}  // namespace

bool is_grpc_call(const ngx_http_request_t *r) noexcept {
    if (r != r->main || r->http_version != NGX_HTTP_VERSION_20 || r->headers_in.content_type == nullptr) {
        return false;
    }
    const std::string_view type = to_view(r->headers_in.content_type->value);
    if (!http1::equal_ignoring_case(type.substr(0, kContentType.size()), kContentType)) {
        return false;
    }
    const std::string_view rest = type.substr(kContentType.size());
    return rest.empty() || rest.front() == '+' || rest.front() == ';' || rest.front() == ' ';
}

bool set_grpc_answer(ngx_http_request_t *r, GrpcStatus status, std::string_view message) noexcept {
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = -1;
    r->headers_out.content_type = to_ngx_str(kContentType);
    r->headers_out.content_type_len = kContentType.size();
    r->headers_out.content_type_lowcase = nullptr;
    r->disable_not_modified = 1;
    r->header_only = 1;
    return add_status(r, r->headers_out.headers, status, message);
}

ngx_int_t send_grpc_end(ngx_http_request_t *r, GrpcStatus status, std::string_view message) noexcept {
    return add_status(r, r->headers_out.trailers, status, message) ? ngx_http_send_special(r, NGX_HTTP_LAST)
                                                                   : NGX_ERROR;
}

ngx_int_t send_grpc_refusal(ngx_http_request_t *r, const Refusal &refusal, std::string_view message,
                            std::string_view request_id) noexcept {
    const ErrcInfo info = errc_info(refusal.errc);
    ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    const bool is_complete = set_grpc_answer(r, grpc_status(info.http_status), message) &&
                             add(r, "x-nexus-error", info.code) && add(r, "x-nexus-reason", refusal.reason) &&
                             add(r, "x-nexus-reconnect-url", refusal.reconnect_url) &&
                             add(r, "x-nexus-request-id", request_id);
    if (!is_complete) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    rc = ngx_http_send_header(r);
    return rc == NGX_ERROR || rc > NGX_OK ? rc : NGX_OK;
}

}  // namespace nexus::edge
