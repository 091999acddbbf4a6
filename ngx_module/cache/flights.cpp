// The flight table. A waiting worker's bit is set, and the owner takes the bits, under the same lock: no
// wake-up can be lost between them.
#include "ngx_module/cache/flights.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "shared/crypto/random.h"

namespace nexus::edge::cache {
namespace {

bool is_key(const FlightSlot &slot, const Key &key) noexcept {
    return slot.key_low == key.low && slot.key_high == key.high &&
           slot.kind == static_cast<uint8_t>(key.kind);
}

}  // namespace

Flights::Flights(const CacheConf &conf) : zone_(conf.zone) {
    const std::string random = crypto::random_bytes(sizeof last_token_);
    std::memcpy(&last_token_, random.data(), sizeof last_token_);
}

FlightToken Flights::next_token() noexcept {
    ++last_token_.low;
    return last_token_;
}

void Flights::take_locked(FlightSlot &slot, uint64_t deadline, FlightRef &ref) noexcept {
    slot.owner = wake::own_identity();
    slot.owner_slot = static_cast<uint16_t>(wake::own_slot());
    slot.deadline = deadline;
    // From ended to running, or from one owner to the next: always odd, never a number used before.
    const uint64_t serial = slot.serial.load();
    slot.serial.store(serial + (is_running_locked(slot) ? 2 : 1));
    ref = {&slot, slot.serial.load(), slot.token};
}

Flights::Claim Flights::claim(const Key &key, Purpose purpose, uint64_t deadline, FlightRef &ref,
                              const FlightRef &orphan) noexcept {
    FlightSlot *set = zone_.flight_set(zone_.hash(key));
    ZoneLock lock(zone_);

    FlightSlot *unused = nullptr;
    for (uint32_t way = 0; way < kFlightWays; ++way) {
        FlightSlot &slot = set[way];
        if (!is_running_locked(slot)) {
            unused = unused == nullptr ? &slot : unused;
            continue;
        }
        if (!is_key(slot, key) || slot.purpose != static_cast<uint8_t>(purpose)) {
            if (unused == nullptr && monotonic_ms() >= slot.deadline) {
                unused = &slot;  // forgotten by an owner that died with nobody waiting
            }
            continue;
        }
        const bool orphaned = monotonic_ms() >= slot.deadline ||
                              !wake::holds_slot(slot.owner_slot, slot.owner) ||
                              (orphan.slot == &slot && orphan.serial == slot.serial.load());
        if (orphaned) {
            // With its waiting workers, what events asked of it, and its token: other edges need not know.
            take_locked(slot, deadline, ref);
            return Claim::kOwner;
        }
        if (wake::own_slot() < wake::kSlots) {
            slot.waiting |= uint64_t{1} << wake::own_slot();
        }
        ref = {&slot, slot.serial.load(), slot.token};
        return Claim::kWaiting;
    }

    if (unused == nullptr) {
        ref = {nullptr, 0, next_token()};
        return Claim::kFull;
    }
    unused->key_high = key.high;
    unused->key_low = key.low;
    unused->kind = static_cast<uint8_t>(key.kind);
    unused->purpose = static_cast<uint8_t>(purpose);
    unused->waiting = 0;
    unused->needed_generation = 0;
    unused->token = next_token();
    take_locked(*unused, deadline, ref);
    return Claim::kOwner;
}

void Flights::finish(const FlightRef &ref, const Outcome &outcome) noexcept {
    uint64_t waiting = 0;
    {
        ZoneLock lock(zone_);
        FlightSlot &slot = *ref.slot;
        if (slot.serial.load() != ref.serial) {
            return;
        }
        slot.status = outcome.abandoned ? 0xff : outcome.status;
        slot.source = outcome.source;
        slot.code = outcome.code;
        slot.retry_after_s = outcome.retry_after_s;
        slot.outcome_generation = outcome.generation;
        waiting = slot.waiting;
        slot.waiting = 0;
        slot.serial.store(ref.serial + 1, std::memory_order_release);
    }
    wake::signal(waiting);
}

bool Flights::is_orphaned(const FlightRef &ref) const noexcept {
    wake::Identity owner = 0;
    unsigned owner_slot = 0;
    {
        ZoneLock lock(zone_);
        if (ref.slot->serial.load() != ref.serial) {
            return false;
        }
        if (monotonic_ms() >= ref.slot->deadline) {
            return true;
        }
        owner = ref.slot->owner;
        owner_slot = ref.slot->owner_slot;
    }
    return !wake::holds_slot(owner_slot, owner) || !wake::is_alive(owner);
}

std::optional<Outcome> Flights::outcome(const FlightRef &ref) const noexcept {
    ZoneLock lock(zone_);
    const FlightSlot &slot = *ref.slot;
    if (slot.serial.load() != ref.serial + 1) {
        return std::nullopt;
    }
    Outcome outcome;
    outcome.abandoned = slot.status == 0xff;
    outcome.status = slot.status;
    outcome.source = slot.source;
    outcome.code = slot.code;
    outcome.retry_after_s = slot.retry_after_s;
    outcome.generation = slot.outcome_generation;
    return outcome;
}

void Flights::on_event(const Key &key, uint64_t generation) noexcept {
    FlightSlot *set = zone_.flight_set(zone_.hash(key));
    uint64_t owners = 0;
    {
        ZoneLock lock(zone_);
        for (uint32_t way = 0; way < kFlightWays; ++way) {
            FlightSlot &slot = set[way];
            if (!is_running_locked(slot) || !is_key(slot, key)) {
                continue;
            }
            slot.needed_generation = std::max(slot.needed_generation, generation);
            slot.nudges.fetch_add(1, std::memory_order_release);
            if (slot.owner_slot < wake::kSlots) {
                owners |= uint64_t{1} << slot.owner_slot;
            }
        }
    }
    wake::signal_all(owners);
}

}  // namespace nexus::edge::cache
