// The hand: see arena.h.
#include "ngx_module/cache/arena.h"

namespace nexus::edge::cache {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr uint32_t kMaxRefusals = 64;  // of tenants, before one must go all the same

// Stores that a killed writer may have stopped between are kept in their order.
constexpr auto kInOrder = std::memory_order_release;

bool is_free(const Block &block) noexcept {
    return block.owner.load(kRelaxed) == kFreeBlock;
}

}  // namespace

void Arena::format(unsigned char *base, ArenaState &state, uint32_t begin, uint32_t end) noexcept {
    state.begin = begin;
    state.end = end;
    Arena(base, state).clear();
}

void Arena::clear() noexcept {
    Block &block = at(state_->begin);
    block.owner.store(kFreeBlock, kRelaxed);
    block.units.store(state_->end - state_->begin, kRelaxed);
    state_->hand.store(state_->begin, kRelaxed);
    state_->used_units.store(0, kRelaxed);
}

Block *Arena::allocate(uint32_t units, Tenants &tenants) noexcept {
    if (units == 0 || units > state_->end - state_->begin) {
        return nullptr;
    }
    uint32_t begin = state_->hand.load(kRelaxed);  // of the run that room is made of
    uint32_t length = 0;
    uint32_t refusals = 0;
    for (uint32_t rounds = 0; length < units;) {
        if (begin + length >= state_->end) {  // a run does not go over the end
            begin = state_->begin;
            length = 0;
            if (++rounds == 3) {
                return nullptr;
            }
        }
        Block &block = at(begin + length);
        const uint32_t size = block.units.load(kRelaxed);
        if (!is_sound(begin + length, size)) {
            tenants.on_damage();
            clear();
            return nullptr;
        }
        if (is_free(block) || tenants.may_go(block, refusals >= kMaxRefusals)) {
            length += size;
            continue;
        }
        ++refusals;
        begin += length + size;
        length = 0;
    }

    for (uint32_t offset = begin; offset < begin + length;) {
        Block &block = at(offset);
        offset += block.units.load(kRelaxed);
        if (!is_free(block)) {
            tenants.evict(block);
        }
    }
    // From here on readers of what was there know that it has changed; the words below may be in its middle.
    std::atomic_thread_fence(std::memory_order_release);
    Block &whole = at(begin);
    state_->hand.store(begin, kInOrder);  // where it was may be inside of the new block
    whole.units.store(length, kInOrder);
    if (length > units) {
        Block &rest = at(begin + units);
        rest.owner.store(kFreeBlock, kRelaxed);
        rest.units.store(length - units, kRelaxed);
        whole.units.store(units, kInOrder);
    }
    state_->hand.store(begin + units < state_->end ? begin + units : state_->begin, kInOrder);
    return &whole;
}

// Counted before it is used and until after it is free, so that a writer which dies leaves too much counted
// and never too little.
void Arena::take(Block &block, uint32_t owner) noexcept {
    state_->used_units.fetch_add(block.units.load(kRelaxed), kRelaxed);
    block.owner.store(owner, kInOrder);
}

void Arena::give_back(Block &block) noexcept {
    if (is_free(block)) {
        return;
    }
    const uint32_t size = block.units.load(kRelaxed);
    block.owner.store(kFreeBlock, kInOrder);
    std::atomic_signal_fence(std::memory_order_release);
    state_->used_units.fetch_sub(size, kRelaxed);
}

uint64_t Arena::free_bytes() const noexcept {
    const uint64_t all = state_->end - state_->begin;
    const uint64_t used = state_->used_units.load(kRelaxed);
    return used < all ? (all - used) * kUnit : 0;
}

uint32_t Arena::count_blocks() const noexcept {
    uint32_t count = 0;
    for (uint32_t offset = state_->begin; offset < state_->end; ++count) {
        const uint32_t size = at(offset).units.load(kRelaxed);
        if (!is_sound(offset, size)) {
            return 0;
        }
        offset += size;
    }
    return count;
}

}  // namespace nexus::edge::cache
