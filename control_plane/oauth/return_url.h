// Where a browser may be sent back to after a flow: an open redirector is a phishing tool.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/config/config.h"
#include "shared/result.h"

namespace nexus::control {

/// url    absolute http(s) URL whose host and port an ALLOWED_RETURN_DOMAINS rule covers; plain http for
/// loopback
///        hosts only
/// errors kReturnUrlNotAllowed; kInvalidRequest (no such URL)
Result<void> check_return_url(std::string_view url, const HostRules &allowed);

}  // namespace nexus::control
