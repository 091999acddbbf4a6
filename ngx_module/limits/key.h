// What a limit counts by: the client's address, who is calling, which connection is meant, or any text of
// variables; and when in a request's life that is known.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

struct Access;

namespace limits {

/// When a limit is asked, in this order.
enum class Stage : uint8_t {
    kEarly,       // before anybody is authenticated, and before a preflight is answered
    kCaller,      // the caller is known; nothing has been looked up for them
    kConnection,  // the caller may have the connection
};

enum class KeyKind : uint8_t { kAddress, kCaller, kWorkspace, kConnection, kProvider, kAll, kValue };

struct Key {
    KeyKind kind = KeyKind::kValue;
    ngx_http_complex_value_t *value = nullptr;  // kValue
};

/// "address", "caller", "workspace", "connection", "provider", "all"; nullopt: it is a value
std::optional<KeyKind> parse_key_kind(std::string_view word) noexcept;

Stage stage_of(KeyKind kind) noexcept;
/// By the module's own variables in it. What a `map` looks at is not seen.
Stage stage_of_value(std::string_view text) noexcept;

/// The text of one request's key. Not to be copied: it may point into itself.
struct KeyText {
    std::string_view text;  // "": the request has none
    std::array<char, 9> address{};
};

/// access: nullptr before authentication
/// returns NGX_OK; NGX_ERROR: out of memory
ngx_int_t read_key(ngx_http_request_t *r, const Access *access, const Key &key, KeyText &out) noexcept;

/// The client's address, as far as it tells one customer from another: an IPv4 address whichever way it is
/// written, IPv6 by /64, which is what one customer has; all of a Unix socket as one.
void read_address(const ngx_http_request_t *r, KeyText &out) noexcept;

}  // namespace limits
}  // namespace nexus::edge
