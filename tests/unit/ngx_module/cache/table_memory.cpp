// See table_memory.h.
#include "tests/unit/ngx_module/cache/table_memory.h"

#include <set>

namespace nexus::edge::cache {

std::string problem_of(const TableMemory &memory) {
    const Table table = memory.table();
    if (table.records_arena().count_blocks() == 0 || table.marks_arena().count_blocks() == 0) {
        return "the blocks do not lie end to end";
    }
    const TableState &state = memory.state();
    const auto *base = reinterpret_cast<const unsigned char *>(&state);
    const auto *buckets = reinterpret_cast<const Bucket *>(base + state.buckets_offset);

    std::set<uint32_t> boundaries;
    for (const Arena *arena : {&table.records_arena(), &table.marks_arena()}) {
        const ArenaState &limits = arena == &table.records_arena() ? state.records : state.marks;
        for (uint32_t offset = limits.begin; offset < limits.end; offset += arena->at(offset).units.load()) {
            boundaries.insert(offset);
        }
        if (boundaries.count(limits.hand.load()) == 0) {
            return "the hand is in the middle of a block";
        }
    }
    std::set<uint32_t> referred;
    for (uint32_t i = 0; i < state.bucket_count; ++i) {
        if ((buckets[i].sequence.load() & 1) != 0) {
            continue;  // of a writer that was killed: nobody reads it, and whoever writes next clears it
        }
        for (const auto &slot : buckets[i].slots) {
            const auto offset = static_cast<uint32_t>(slot.load());
            if (offset == 0) {
                continue;
            }
            if (boundaries.count(offset) == 0) {
                return "a slot refers to the middle of a block";
            }
            if (!referred.insert(offset).second) {
                return "two slots refer to one block";
            }
            if (table.records_arena().at(offset).owner.load() != i) {
                return "a slot refers to somebody else's block";
            }
        }
    }
    return "";
}

}  // namespace nexus::edge::cache
