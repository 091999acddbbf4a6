// What a location may do with nexus: the values of nexus_auth, nexus_api and nexus_inject, as numbers or bits
// that nginx's enum slots fill in. What follows from them is access/access.cpp's business.
#pragma once

#include "ngx_module/ngx/ngx.h"
#include "shared/caller/identity.h"

namespace nexus::edge {

/// nexus_auth: bits of the methods that a location takes; none = off.
constexpr ngx_uint_t auth_bit(caller::Method method) noexcept {
    return ngx_uint_t{1} << static_cast<unsigned>(method);
}
inline constexpr ngx_uint_t kAuthOff = 0;
inline constexpr ngx_uint_t kAuthDefault = auth_bit(caller::Method::kApiKey);

enum class ApiMode : ngx_uint_t { kOff, kToken, kRefresh, kCheck, kPass };

enum class InjectMode : ngx_uint_t {
    kOff,
    kAuto,
    kOauth2,
    kHeader,
    kQueryParam,
    kBasicAuth,
    kCookie,
    kHmacPayload,
    kAwsSigv4,
    kOauth1
};

}  // namespace nexus::edge
