// When the provider of a device flow may be asked again (RFC 8628 section 3.5), for all processes together.
#pragma once

#include <optional>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store::connections {

/// Takes the turn to ask, if it has come: nobody else gets one before `until`.
/// returns the interval (s) that was stored last, 0 = none; nullopt = not yet, or no such flow
Result<std::optional<int64_t>> claim_flow_poll(Executor &sql, std::string_view id, std::string_view flow_id,
                                               UnixMs now, UnixMs until);
/// After an answer: the next turn, and the interval from now on. A flow that is gone is no error.
Result<void> schedule_flow_poll(Executor &sql, std::string_view id, std::string_view flow_id, UnixMs next,
                                int64_t interval_s);

}  // namespace nexus::control::store::connections
