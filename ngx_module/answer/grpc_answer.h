// Answers in gRPC's own form: an RPC's caller is a generated client that knows statuses, not error bodies.
// source: gRPC over HTTP/2 (PROTOCOL-HTTP2.md), "Trailers-Only"
#pragma once

#include <cstdint>

#include "ngx_module/answer/errors.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Is it an RPC that is asked for? HTTP/2, with the content type "application/grpc", "application/grpc+..."
/// or "application/grpc;...". (gRPC-Web, a protocol of its own, is not.)
bool is_grpc_call(const ngx_http_request_t *r) noexcept;

/// source: gRPC's statuses (statuscodes.md)
enum class GrpcStatus : uint8_t {
    kUnknown = 2,
    kInvalidArgument = 3,
    kDeadlineExceeded = 4,
    kNotFound = 5,
    kPermissionDenied = 7,
    kResourceExhausted = 8,
    kFailedPrecondition = 9,
    kUnimplemented = 12,
    kInternal = 13,
    kUnavailable = 14,
    kUnauthenticated = 16,
};

/// Makes of r->headers_out a Trailers-Only answer without a body. false: out of memory
bool set_grpc_answer(ngx_http_request_t *r, GrpcStatus status, std::string_view message) noexcept;

/// Ends an answer that has begun, by trailers. returns what ngx_http_finalize_request takes
ngx_int_t send_grpc_end(ngx_http_request_t *r, GrpcStatus status, std::string_view message) noexcept;

/// Sends 200 with `grpc-status` and `grpc-message` as the only answer; the error's code, reason, reconnect
/// URL and request id go along as metadata of our own. What `refusal` gives besides (Retry-After) is there
/// already. returns what ngx_http_finalize_request takes
///
/// message, request_id  as the error body has them
ngx_int_t send_grpc_refusal(ngx_http_request_t *r, const Refusal &refusal, std::string_view message,
                            std::string_view request_id) noexcept;

}  // namespace nexus::edge
