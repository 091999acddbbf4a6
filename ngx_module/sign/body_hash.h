// SHA-256 of a request's body while it arrives: hashing it when it is sent would hold up the worker for as
// long as a large body takes.
#pragma once

#include <optional>

#include "ngx_module/ngx/ngx.h"
#include "shared/crypto/digest.h"
#include "shared/crypto/running_sha256.h"

namespace nexus::edge {

/// From here on what arrives of the body is hashed too. returns NGX_OK, or NGX_ERROR (out of memory)
ngx_int_t hash_body(ngx_http_request_t *r);

/// The hash of what has arrived, if that was so many bytes; nullopt: it was not hashed, or not as a whole (a
/// part was read before, or something else is sent). Ends it.
std::optional<crypto::Sha256> take_body_hash(const ngx_http_request_t *r, uint64_t size);

/// Registers the filter; in postconfiguration.
void init_body_hash() noexcept;

}  // namespace nexus::edge
