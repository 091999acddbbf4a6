// Waking other workers: one eventfd per worker slot, made once in the master and kept over reloads, so that
// old and new workers can wake each other. Who holds a slot stands in a small shared mapping of its own,
// because slots must mean the same to workers with different zones. (nginx's own channel ignores commands
// that it does not know.)
#pragma once

#include <cstdint>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge::cache::wake {

inline constexpr unsigned kSlots = 64;  // one bit each in FlightSlot::waiting

/// A process, told apart from a later one with the same pid by its start time. 0 = nobody.
using Identity = uint64_t;

/// In the master (or single process), before workers start; later calls do nothing. If it fails, workers look
/// for themselves now and then instead of being woken.
void create(ngx_log_t *log) noexcept;

/// In a worker: takes a slot, and calls `on_wake` from the event loop whenever it is signalled.
void join(ngx_cycle_t *cycle, void (*on_wake)() noexcept) noexcept;
void leave() noexcept;

/// This worker's slot; kSlots if it has none.
unsigned own_slot() noexcept;
Identity own_identity() noexcept;

/// Signals the workers whose bits are set, but not this one.
void signal(uint64_t slots) noexcept;
/// The same with this one, in a later turn of its event loop.
void signal_all(uint64_t slots) noexcept;

/// Is that process still the holder of the slot it registered? Cheap. True for one that had no slot (kSlots).
bool holds_slot(unsigned slot, Identity identity) noexcept;

/// Does that process still live? Asks the kernel.
bool is_alive(Identity identity) noexcept;

}  // namespace nexus::edge::cache::wake
