// What an error log line must not show: nginx appends the request line to its messages, with `state`, `code`
// and whatever else travels in queries, and quotes header lines that it could not parse. Pure text work.
#pragma once

#include <span>

namespace nexus::edge {

/// Overwrites with '*', in place: the secret part of agents' and control-plane keys (nxa_<id>_<secret>,
/// nxk_...).
void redact_keys(std::span<char> text) noexcept;

/// Overwrites with '*', in place: keys, as redact_keys does, and the values of query parameters in what nginx
/// appends as `request: "`, `upstream: "` and `referrer: "`, and the ticket of a link for a person
/// (/connect/<ticket>) there; what it quotes of a provider's head that it could not read, and of a caller's,
/// but for the field's name; in lines of ModSecurity, what it quotes from a request.
void redact_log_line(std::span<char> line) noexcept;

}  // namespace nexus::edge
