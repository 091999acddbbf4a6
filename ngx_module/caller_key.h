// Which API key a request carries, and taking it off again. Who the key belongs to is looked up by
// access.cpp.
#pragma once

#include <array>
#include <string_view>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// What was presented. It survives internal redirects (error_page, try_files), which clear the module's
/// context and find the key's header gone already: only the digest is kept.
struct PresentedKey {
    enum class Kind : uint8_t { kNone, kMalformed, kKey } kind = Kind::kNone;
    std::array<char, 64> sha256_hex{};  // kKey

    std::string_view id() const { return {sha256_hex.data(), sha256_hex.size()}; }
};

/// Reads X-API-Key and `Authorization: Bearer`, in injecting locations X-Nexus-Key too, where Authorization
/// counts as ours only if it holds a key of ours. Different keys in one request are kMalformed: which one is
/// meant? Then removes from headers_in: X-API-Key, X-Nexus-Key, X-Nexus-Agent, X-Nexus-Connection, and
/// Authorization where it held our key, in injecting locations always. Later calls for the same request
/// return what the first one found.
///
/// returns nullptr: out of memory. Throws if OpenSSL has no SHA-256.
const PresentedKey *take_caller_key(ngx_http_request_t *r, bool injecting);

}  // namespace nexus::edge
