// The table: see arrival_table.h. An arrival time is only believed if the bits of the tag beside it are those of
// its slot's tag: so a slot's two words need not change together.
#include "shared/ratelimit/arrival_table.h"

#include <algorithm>
#include <optional>

namespace nexus::ratelimit {

namespace {

using Set = ArrivalTable::Set;
using std::memory_order_relaxed;

constexpr int kTimeBits = 50;  // of microseconds: 35 years
constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;
constexpr int kMaxAttempts = 16;

uint64_t tag_of(uint64_t hash) noexcept {
    return hash != 0 ? hash : 1;
}

// The set is chosen by the upper half of the tag, its check is of the lower half.
Set &set_of(std::span<Set> sets, uint64_t tag) noexcept {
    return sets[(tag >> 32) * sets.size() >> 32];
}

uint64_t pack(uint64_t tag, Micros time) noexcept {
    return tag << kTimeBits | (static_cast<uint64_t>(std::max<Micros>(time, 0)) & kTimeMask);
}

bool is_of(uint64_t word, uint64_t tag) noexcept {
    return (word ^ tag << kTimeBits) >> kTimeBits == 0;
}

Micros time_in(uint64_t word, uint64_t tag) noexcept {
    return is_of(word, tag) ? static_cast<Micros>(word & kTimeMask) : 0;
}

std::optional<size_t> find(const Set &set, uint64_t tag) noexcept {
    for (size_t way = 0; way < ArrivalTable::kWays; ++way) {
        if (set.tags[way].load(memory_order_relaxed) == tag) {
            return way;
        }
    }
    return std::nullopt;
}

size_t least_owing(const Set &set) noexcept {
    size_t least = 0;
    uint64_t least_time = UINT64_MAX;
    for (size_t way = 0; way < ArrivalTable::kWays; ++way) {
        const bool is_empty = set.tags[way].load(memory_order_relaxed) == 0;
        const uint64_t time = is_empty ? 0 : set.words[way].load(memory_order_relaxed) & kTimeMask;
        if (time < least_time) {
            least = way;
            least_time = time;
        }
    }
    return least;
}

/// A slot for a tag that has none. nullopt: another writer was there first; look again
std::optional<size_t> claim(Set &set, uint64_t tag, Micros now, bool &has_forgotten) noexcept {
    const size_t way = least_owing(set);
    uint64_t old_tag = set.tags[way].load(memory_order_relaxed);
    uint64_t old_word = set.words[way].load(memory_order_relaxed);
    if (!set.tags[way].compare_exchange_strong(old_tag, tag)) {
        return std::nullopt;
    }
    has_forgotten = old_tag != 0 && time_in(old_word, old_tag) > now;
    set.words[way].compare_exchange_strong(old_word, pack(tag, 0), memory_order_relaxed);

    // Two that claim at once may have taken different slots: the first one counts.
    const auto first = find(set, tag);
    if (first && *first < way) {
        uint64_t own = tag;
        set.tags[way].compare_exchange_strong(own, 0);
        return first;
    }
    return way;
}

}  // namespace

ArrivalTable::Charge ArrivalTable::charge(uint64_t hash, const Limit &limit, Micros now,
                                          int64_t cost) noexcept {
    const uint64_t tag = tag_of(hash);
    Set &set = set_of(sets_, tag);
    Charge out;
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
        std::optional<size_t> way = find(set, tag);
        if (!way) {
            out.decision = decide(limit, 0, now, cost);
            if (!out.decision.is_allowed || cost <= 0) {
                return out;
            }
            way = claim(set, tag, now, out.has_forgotten);
            if (!way) {
                continue;
            }
        }
        std::atomic<uint64_t> &word = set.words[*way];
        uint64_t before = word.load(memory_order_relaxed);
        do {
            out.decision = decide(limit, time_in(before, tag), now, cost);
            if (!out.decision.is_allowed || cost <= 0 ||
                word.compare_exchange_weak(before, pack(tag, out.decision.theoretical_arrival_time),
                                           memory_order_relaxed)) {
                return out;
            }
        } while (set.tags[*way].load(memory_order_relaxed) == tag);
    }
    return out;  // allowed, and forgotten at once: its set is fought over
}

Decision ArrivalTable::look(uint64_t hash, const Limit &limit, Micros now, int64_t cost) const noexcept {
    const uint64_t tag = tag_of(hash);
    const Set &set = set_of(sets_, tag);
    const std::optional<size_t> way = find(set, tag);
    return decide(limit, way ? time_in(set.words[*way].load(memory_order_relaxed), tag) : 0, now, cost);
}

void ArrivalTable::give_back(uint64_t hash, const Limit &limit, int64_t cost) noexcept {
    const uint64_t tag = tag_of(hash);
    Set &set = set_of(sets_, tag);
    const std::optional<size_t> way = find(set, tag);
    if (!way || cost <= 0) {
        return;
    }
    std::atomic<uint64_t> &word = set.words[*way];
    uint64_t before = word.load(memory_order_relaxed);
    Micros time = 0;
    do {
        time = time_in(before, tag);
        if (time == 0) {
            return;
        }
        time = cost > time / limit.emission_interval ? 0 : time - cost * limit.emission_interval;
    } while (!word.compare_exchange_weak(before, pack(tag, time), memory_order_relaxed));
}

void ArrivalTable::adopt(const ArrivalTable &old, Micros now) noexcept {
    for (const Set &from : old.sets_) {
        for (size_t i = 0; i < kWays; ++i) {
            const uint64_t tag = from.tags[i].load(memory_order_relaxed);
            const Micros time = time_in(from.words[i].load(memory_order_relaxed), tag);
            if (tag == 0 || time <= now) {
                continue;
            }
            Set &set = set_of(sets_, tag);
            const size_t way = find(set, tag).value_or(least_owing(set));
            if (set.tags[way].load(memory_order_relaxed) == 0 ||
                static_cast<uint64_t>(time) > (set.words[way].load(memory_order_relaxed) & kTimeMask)) {
                set.tags[way].store(tag, memory_order_relaxed);
                set.words[way].store(pack(tag, time), memory_order_relaxed);
            }
        }
    }
}

}  // namespace nexus::ratelimit
