// nginx answers with an error page, and a gRPC client has to guess from its HTTP status. Decision 0072 says
// which status is which, and why.
#include "ngx_module/answer/grpc_errors.h"

#include "ngx_module/access/access.h"
#include "ngx_module/answer/grpc_answer.h"
#include "ngx_module/upstream/live.h"

namespace nexus::edge {

namespace {

struct GrpcError {
    ngx_uint_t http_status;
    GrpcStatus status;
    std::string_view message;
};

/// source: gRPC's "HTTP to gRPC Status Code Mapping", and google/rpc/code.proto where that says UNKNOWN
constexpr GrpcError kErrors[] = {
    {400, GrpcStatus::kInternal, "the request is malformed"},
    {401, GrpcStatus::kUnauthenticated, "the caller must say who it is"},
    {403, GrpcStatus::kPermissionDenied, "access is denied"},
    {404, GrpcStatus::kUnimplemented, "there is no such method here"},
    {405, GrpcStatus::kUnimplemented, "the HTTP method is not allowed here"},
    {413, GrpcStatus::kResourceExhausted, "the request is too large"},
    {414, GrpcStatus::kResourceExhausted, "the request's path is too long"},
    {429, GrpcStatus::kResourceExhausted, "too many requests"},
    {500, GrpcStatus::kInternal, "the request could not be served"},
    {502, GrpcStatus::kUnavailable, "the upstream could not be reached, or its answer could not be read"},
    {503, GrpcStatus::kUnavailable, "not available at the moment"},
    {504, GrpcStatus::kDeadlineExceeded, "the upstream did not answer in time"},
};
constexpr GrpcError kUnknown{0, GrpcStatus::kUnknown, "the request could not be served"};
constexpr GrpcError kNotConnected{504, GrpcStatus::kUnavailable, "the upstream could not be reached in time"};

ngx_http_output_header_filter_pt g_next_header_filter;

/// A page that nginx has made because of an error: not what an upstream has answered, nor what an
/// error_page of this location has brought.
bool is_error_page(const ngx_http_request_t *r) noexcept {
    return r->err_status >= NGX_HTTP_SPECIAL_RESPONSE && !is_upstream_live(r);
}

const GrpcError &error_of(const ngx_http_request_t *r) noexcept {
    if (r->err_status == NGX_HTTP_GATEWAY_TIME_OUT && r->upstream != nullptr && !r->upstream->request_sent) {
        return kNotConnected;  // nobody can have acted on it
    }
    for (const GrpcError &error : kErrors) {
        if (error.http_status == r->err_status) {
            return error;
        }
    }
    return kUnknown;
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
    if (!is_error_page(r) || !is_injecting(*loc_conf(r)) || !is_grpc_call(r)) {
        return g_next_header_filter(r);
    }
    const GrpcError &error = error_of(r);
    return set_grpc_answer(r, error.status, error.message) ? g_next_header_filter(r) : NGX_ERROR;
}

}  // namespace

void init_grpc_errors() noexcept {
    g_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
}

}  // namespace nexus::edge
