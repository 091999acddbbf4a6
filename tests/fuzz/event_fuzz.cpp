// Event JSON from the channel. What is accepted must survive a round trip.
#include "shared/redis/keys.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const auto event = nexus::redis::parse_event(nexus::fuzz::as_text(data, size));
    if (!event) {
        return 0;
    }
    const auto again = nexus::redis::parse_event(nexus::redis::to_json(*event));
    nexus::fuzz::require(again && again->kind == event->kind && again->id == event->id &&
                         again->generation == event->generation);
    return 0;
}
