// Unix milliseconds as RFC 3339 text in UTC, whole seconds: "2026-11-23T02:30:00Z"; and back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/clock.h"

namespace nexus::control {

std::string to_rfc3339(UnixMs time);
/// Any RFC 3339 date-time from 1970 on; fractions beyond milliseconds are cut. nullopt: it is none.
std::optional<UnixMs> parse_rfc3339(std::string_view text);

}  // namespace nexus::control
