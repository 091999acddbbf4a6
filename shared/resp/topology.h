// What a cluster's nodes say about who has which slot: CLUSTER SLOTS, MOVED and ASK. Nothing in it is
// believed before it was checked; what is done with it is cluster_client.h's business.
#pragma once

#include <hiredis/hiredis.h>

#include <optional>
#include <string_view>
#include <vector>

#include "shared/resp/host_port.h"
#include "shared/resp/slot.h"

namespace nexus::resp {

struct SlotRange {
    uint16_t first = 0;
    uint16_t last = 0;  // inclusive, below kSlots
    HostPort master;
};

/// The reply of CLUSTER SLOTS. Replicas are left out, and so are masters whose name is not known there ("?").
/// nullopt: it is no such reply, or nobody has any slot
std::optional<std::vector<SlotRange>> parse_slots(const redisReply &reply);

struct Redirect {
    uint16_t slot = 0;
    HostPort target;
};

/// "MOVED 3999 127.0.0.1:6381", "ASK 3999 :6381".
std::optional<Redirect> parse_redirect(std::string_view error);

}  // namespace nexus::resp
