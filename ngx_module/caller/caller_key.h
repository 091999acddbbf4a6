// Which API key or JWT a request carries, and taking it off again. Who it belongs to is looked up by
// authenticate.cpp and authenticate_token.cpp.
#pragma once

#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "shared/crypto/digest.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::edge {

/// What was presented. It survives internal redirects (error_page, try_files), which clear the module's
/// context and find the key's header gone already: of a key only the digest is kept.
struct PresentedKey {
    enum class Kind : uint8_t { kNone, kMalformed, kKey, kToken } kind = Kind::kNone;
    crypto::Sha256Hex sha256_hex{};  // kKey
    std::string_view token;          // kToken: in a wiped area of the request's pool
    sigv4::Scope hint;               // of an AWS signature in Authorization; "" = none

    std::string_view id() const { return crypto::as_view(sha256_hex); }
};

/// What of the headers is the location's to read and to take off.
struct CallerHeaders {
    bool is_injecting = false;  // Authorization may be meant for the provider, and never reaches it
    bool takes_keys = false;
    bool takes_tokens = false;
};

/// Reads X-API-Key and `Authorization: Bearer`, in injecting locations X-Nexus-Key too. Authorization counts
/// as ours if the location takes keys or tokens; in injecting locations only if it holds one of ours, and a
/// token only if no other header presents something; an X-API-Key that holds none of ours is a placeholder
/// there, and counts only if nothing else does. Different ones in one request are kMalformed: which one is
/// meant? Then removes from headers_in: X-API-Key, X-Nexus-Key, X-Nexus-Agent, X-Nexus-Connection, and
/// Authorization where it held a key, or a token that the location takes, in injecting locations always;
/// there also what is meant for this proxy (Proxy-Authorization, Proxy-Connection, Trailer). Later calls for
/// the same request return what the first one found.
///
/// returns nullptr: out of memory. Throws if OpenSSL has no SHA-256.
const PresentedKey *take_caller_key(ngx_http_request_t *r, const CallerHeaders &headers);

}  // namespace nexus::edge
