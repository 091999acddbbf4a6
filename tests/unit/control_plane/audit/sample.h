// The row that the chain's golden values are of.
#pragma once

#include "control_plane/audit/event.h"

namespace nexus::control::audit {

inline StoredEvent sample() {
    StoredEvent row;
    row.sequence = 3;
    row.id = "6b7f3c1e-2a44-4b0e-9d6f-0a1b2c3d4e5f";
    row.created_at = 1700000000000;
    row.event = {"connection.created", "ws", "c1", "p1", "agent:a1", "127.0.0.1", "curl", "{}"};
    row.previous_hash = std::string(32, '\0');
    return row;
}

}  // namespace nexus::control::audit
