// Memory for entries of any size: an area of blocks, one after another without a gap, and a hand that goes
// round and round. Room is made where the hand is, out of what is free there and of what may go; so nothing
// is searched for, and there are no size classes that one kind of record could leave to another.
//
// A writer may be killed at any instruction: between any two stores the blocks still lie end to end, and a
// block that nobody refers to is found when the hand comes by. Callers hold a lock; readers of blocks do not,
// which is why every word is an atomic.
#pragma once

#include <cstdint>

#include "ngx_module/cache/layout.h"

namespace nexus::edge::cache {

class Arena {
public:
    /// Whoever lives in the blocks.
    class Tenants {
    public:
        /// May this block's tenant go? `insist`: too many have refused. Also true for one that nobody refers
        /// to.
        virtual bool may_go(Block &block, bool insist) noexcept = 0;
        /// It has to, now: whoever reads it must be able to tell from here on. Ends with `give_back`.
        virtual void evict(Block &block) noexcept = 0;
        /// The blocks do not lie end to end: somebody has written to memory that is not his. All must go.
        virtual void on_damage() noexcept = 0;

    protected:
        ~Tenants() = default;
    };

    /// `base`: what offsets count from
    Arena(unsigned char *base, ArenaState &state) : base_(base), state_(&state) {}

    /// One free block of everything between two offsets in units.
    static void format(unsigned char *base, ArenaState &state, uint32_t begin, uint32_t end) noexcept;
    /// The same again, whoever is in it.
    void clear() noexcept;

    static constexpr uint32_t units(uint64_t bytes) {
        return static_cast<uint32_t>((bytes + kUnit - 1) / kUnit);
    }

    /// A free block of exactly `units`, to be written to and then taken. nullptr: there is no room for so
    /// large a one. It remains free until `take`.
    Block *allocate(uint32_t units, Tenants &tenants) noexcept;
    /// Its owner; not kFreeBlock.
    void take(Block &block, uint32_t owner) noexcept;
    void give_back(Block &block) noexcept;

    bool contains(const Block &block) const noexcept {
        return offset_of(block) >= state_->begin && offset_of(block) < state_->end;
    }
    uint32_t offset_of(const Block &block) const noexcept {
        return static_cast<uint32_t>(
            static_cast<uint64_t>(reinterpret_cast<const unsigned char *>(&block) - base_) / kUnit);
    }
    Block &at(uint32_t offset) const noexcept {
        return *reinterpret_cast<Block *>(base_ + uint64_t{offset} * kUnit);
    }

    uint64_t capacity_bytes() const noexcept { return uint64_t{state_->end - state_->begin} * kUnit; }
    uint64_t free_bytes() const noexcept;

    /// How many blocks there are; 0: they do not lie end to end.
    uint32_t count_blocks() const noexcept;

private:
    bool is_sound(uint32_t offset, uint32_t size) const noexcept {
        return size != 0 && size <= state_->end - offset;
    }

    unsigned char *base_;
    ArenaState *state_;
};

}  // namespace nexus::edge::cache
