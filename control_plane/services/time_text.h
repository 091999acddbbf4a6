// Unix milliseconds as RFC 3339 text in UTC, whole seconds: "2026-11-23T02:30:00Z".
#pragma once

#include <string>

#include "shared/clock.h"

namespace nexus::control {

std::string to_rfc3339(UnixMs time);

}  // namespace nexus::control
