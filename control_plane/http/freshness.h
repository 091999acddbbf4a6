// How long a response may be used without asking again (RFC 9111 section 4.2, for a private cache).
#pragma once

#include <cstdint>
#include <optional>

#include "control_plane/http/http_client.h"

namespace nexus::control {

/// Seconds from now: max-age less Age, else Expires less Date; 0 for no-store and no-cache; nullopt where the
/// response does not say. Never negative.
std::optional<int64_t> fresh_for_s(const HttpResponse &response, int64_t now_ms);

}  // namespace nexus::control
