// A slot's state is one word, changed by compare-and-swap: some bits of the tag again (a word of another tag
// counts as nothing), whether the key is over its limit, units, and until when that holds.
#include "shared/ratelimit/lease_table.h"

#include <algorithm>

namespace nexus::ratelimit {

namespace {

using std::memory_order_relaxed;

constexpr Micros kMilli = 1000;
constexpr int kTimeBits = 40;  // of milliseconds: 34 years
constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;
constexpr int64_t kMaxUnits = 0xffff;
constexpr int kUnitsShift = kTimeBits;
constexpr int kOverShift = kUnitsShift + 16;
constexpr int kCheckShift = kOverShift + 1;  // seven bits

struct State {
    int64_t units = 0;
    Micros until = 0;
    bool is_over = false;

    static State unpack(uint64_t word, uint64_t tag) noexcept {
        if ((word ^ tag << kCheckShift) >> kCheckShift != 0) {
            return {};
        }
        return {static_cast<int64_t>(word >> kUnitsShift & kMaxUnits),
                static_cast<Micros>(word & kTimeMask) * kMilli, (word >> kOverShift & 1) != 0};
    }

    uint64_t pack(uint64_t tag) const noexcept {
        // News may end late, units early: never the other way.
        const Micros ms = (until + (is_over && units == 0 ? kMilli - 1 : 0)) / kMilli;
        return tag << kCheckShift | uint64_t{is_over} << kOverShift |
               static_cast<uint64_t>(std::clamp<int64_t>(units, 0, kMaxUnits)) << kUnitsShift |
               (static_cast<uint64_t>(ms) & kTimeMask);
    }
};

// Demand: how many came (upper bits, which may overflow) since when (milliseconds).
struct Demand {
    int64_t count = 0;
    Micros since = 0;

    static Demand unpack(uint64_t word) noexcept {
        return {static_cast<int64_t>(word >> kTimeBits), static_cast<Micros>(word & kTimeMask) * kMilli};
    }
    uint64_t pack() const noexcept {
        return static_cast<uint64_t>(count) << kTimeBits |
               (static_cast<uint64_t>(since / kMilli) & kTimeMask);
    }
};

}  // namespace

LeaseTerms LeaseTerms::of(const Limit &limit, Micros lease) noexcept {
    const int64_t units = std::min(lease, limit.burst_tolerance) / limit.emission_interval;
    // While nobody asks, what a key may have must not overflow at Redis.
    const Micros pause = std::min(lease, (limit.burst_tolerance + limit.emission_interval) / 2);
    return {std::clamp<int64_t>(units, 1, kMaxUnits / 2), lease, 4 * lease, pause};
}

LeaseSlot::Take LeaseSlot::take(uint64_t tag, int64_t cost, Micros now) noexcept {
    uint64_t word = state_.load(memory_order_relaxed);
    for (;;) {
        State state = State::unpack(word, tag);
        if (state.until <= now) {
            return {};
        }
        if (state.units < std::max<int64_t>(cost, 1)) {
            return state.is_over ? Take{Outcome::kOver, state.units, state.until, true} : Take{};
        }
        state.units -= cost;
        if (state_.compare_exchange_weak(word, state.pack(tag), memory_order_relaxed)) {
            return {Outcome::kTaken, state.units, 0, state.is_over};
        }
    }
}

int64_t LeaseSlot::units(uint64_t tag, Micros now) const noexcept {
    const State state = State::unpack(state_.load(memory_order_relaxed), tag);
    return state.until > now ? state.units : 0;
}

void LeaseSlot::put(uint64_t tag, int64_t units, Micros until, bool is_over, Micros now) noexcept {
    uint64_t word = state_.load(memory_order_relaxed);
    State next;
    do {
        const State state = State::unpack(word, tag);
        next = {units + (state.until > now ? state.units : 0), until, is_over};
    } while (!state_.compare_exchange_weak(word, next.pack(tag), memory_order_relaxed));
}

void LeaseSlot::give_back(uint64_t tag, int64_t units, Micros now) noexcept {
    uint64_t word = state_.load(memory_order_relaxed);
    State next;
    do {
        next = State::unpack(word, tag);
        if (next.until <= now) {
            return;
        }
        next.units += units;
    } while (!state_.compare_exchange_weak(word, next.pack(tag), memory_order_relaxed));
}

int64_t LeaseSlot::withdraw(uint64_t tag, Micros now) noexcept {
    uint64_t word = state_.load(memory_order_relaxed);
    for (;;) {
        const State state = State::unpack(word, tag);
        if (state.units == 0 || state.until > now) {
            return 0;
        }
        if (state_.compare_exchange_weak(word, State{}.pack(tag), memory_order_relaxed)) {
            return state.units;
        }
    }
}

bool LeaseSlot::begin_to_ask(Micros now, Micros until) noexcept {
    Micros asked = asking_until_.load(memory_order_relaxed);
    return asked <= now && asking_until_.compare_exchange_strong(asked, until, memory_order_relaxed);
}

void LeaseSlot::note_demand(int64_t cost) noexcept {
    demand_.fetch_add(static_cast<uint64_t>(cost) << kTimeBits, memory_order_relaxed);
}

int64_t LeaseSlot::expected(const LeaseTerms &terms, Micros now) noexcept {
    uint64_t word = demand_.load(memory_order_relaxed);
    const Demand demand = Demand::unpack(word);
    const Micros elapsed = std::max(now - demand.since, kMilli);
    const int64_t in_period = demand.count * terms.period / elapsed;
    if (elapsed > 2 * terms.period) {
        const Demand rescaled{in_period, now - terms.period};
        demand_.compare_exchange_strong(word, rescaled.pack(), memory_order_relaxed);
    }
    return std::min({2 * in_period, 4 * demand.count, terms.max_units});
}

bool LeaseSlot::claim(uint64_t tag, Micros now) noexcept {
    uint64_t old_tag = tag_.load(memory_order_relaxed);
    uint64_t old_state = state_.load(memory_order_relaxed);
    if (!tag_.compare_exchange_strong(old_tag, tag)) {
        return false;
    }
    state_.compare_exchange_strong(old_state, State{}.pack(tag), memory_order_relaxed);
    asking_until_.store(0, memory_order_relaxed);
    arrival_.store(0, memory_order_relaxed);
    demand_.store(Demand{0, now}.pack(), memory_order_relaxed);
    return true;
}

uint64_t LeaseSlot::ends_at() const noexcept {
    if (tag() == 0) {
        return 0;
    }
    const auto asking_until = static_cast<uint64_t>(asking_until_.load(memory_order_relaxed) / kMilli);
    return 1 + std::max(state_.load(memory_order_relaxed) & kTimeMask, asking_until);
}

std::span<LeaseSlot> LeaseTable::set_of(uint64_t tag) const noexcept {
    const size_t sets = slots_.size() / kWays;
    return slots_.subspan(((tag >> 32) * sets >> 32) * kWays, kWays);
}

LeaseSlot *LeaseTable::find(uint64_t tag) const noexcept {
    for (LeaseSlot &slot : set_of(tag)) {
        if (slot.tag() == tag) {
            return &slot;
        }
    }
    return nullptr;
}

LeaseSlot *LeaseTable::find_or_claim(uint64_t tag, Micros now) noexcept {
    if (LeaseSlot *known = find(tag)) {
        return known;
    }
    const auto first = std::ranges::min_element(set_of(tag), {}, &LeaseSlot::ends_at);
    return first->claim(tag, now) ? &*first : find(tag);
}

}  // namespace nexus::ratelimit
