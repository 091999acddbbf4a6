// Shared zones that outlive a binary upgrade (USR2). nginx's own shared memory is anonymous and ends with
// exec(); a kept zone lies on a memfd, which the new master inherits and finds through an environment
// variable. It only reads there: each nginx has zones of its own, so that the old one can go on if the new
// one is given up. What is taken over, and what of it is believed, is the business of whoever owns the zone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// In a zone's init callback, while the zone is new: before anything has been allocated in it. If it cannot
/// be done, one line says so, and the zone works all the same.
void keep_zone(ngx_shm_zone_t *zone) noexcept;

/// What the nginx that has started this one had in its zone of the same name; mapped read-only while this
/// lives. The other nginx still writes to it.
class PredecessorZone {
public:
    explicit PredecessorZone(const ngx_shm_zone_t &zone) noexcept;
    ~PredecessorZone();
    PredecessorZone(const PredecessorZone &) = delete;
    PredecessorZone &operator=(const PredecessorZone &) = delete;

    /// Empty: there is none.
    std::span<const u_char> bytes() const noexcept { return bytes_; }
    /// Where in `bytes` the slab pool's `data` pointed to; within them.
    size_t root() const noexcept { return root_; }

    /// What is at the root, if it is large enough and aligned for a T. nullptr: it is not
    template <typename T>
    const T *root_as() const noexcept {
        return bytes_.size() >= sizeof(T) && root_ <= bytes_.size() - sizeof(T) && root_ % alignof(T) == 0
                   ? reinterpret_cast<const T *>(bytes_.data() + root_)
                   : nullptr;
    }

private:
    std::span<const u_char> bytes_;
    size_t root_ = 0;
};

/// Once all zones of a cycle are there: lets go of those of older cycles and of the predecessor, and puts the
/// others into the environment of a later binary. In init_module.
void settle_kept_zones(ngx_cycle_t *cycle) noexcept;

}  // namespace nexus::edge
