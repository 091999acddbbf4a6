// Where a browser may be sent back to after a flow: an open redirector is a phishing tool.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/config/config.h"
#include "shared/result.h"

namespace nexus::control {

/// url    absolute http(s) URL that an ALLOWED_RETURN_DOMAINS rule covers. A rule with a scheme says scheme
/// and port
///        exactly (http://app.internal is port 80); one without means https, and http for loopback hosts.
/// errors kReturnUrlNotAllowed; kInvalidRequest (no such URL)
Result<void> check_return_url(std::string_view url, const HostRules &allowed);

}  // namespace nexus::control
