// The audit event and the error that a refresh speaks in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control_plane/audit/event.h"
#include "control_plane/store/connection_repository.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace nexus::control {

/// An event of the system's own; reason "" = none.
audit::Event refresh_event(std::string_view type, std::string_view reason);

/// The same of a connection.
audit::Event refresh_event_of(const store::Connection &connection, std::string_view type,
                              std::string_view reason);

/// kTokenUnavailable with a Retry-After of at least a second.
Error token_unavailable(int64_t retry_after_s);
/// The same until a moment, in whole seconds rounded up.
Error token_unavailable_until(UnixMs until, UnixMs now);
/// kProviderError: our registration or request was refused. reason  for the detail
Error refresh_refused(std::string reason, int64_t retry_after_s = 0);

}  // namespace nexus::control
