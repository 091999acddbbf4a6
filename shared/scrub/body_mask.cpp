// Both strings are allocated once, at their largest, and wiped: they hold beginnings of secrets.
#include "shared/scrub/body_mask.h"

#include <algorithm>

namespace nexus::scrub {

BodyMask::BodyMask(const Mask &mask, uint64_t bytes) : mask_(mask), left_(bytes) {
    held_.reserve(most_held());
    free_.reserve(most_held());
}

BodyMask::~BodyMask() {
    wipe(held_);
    wipe(free_);
}

size_t BodyMask::take(std::span<char> piece, bool is_last, std::string_view &free) {
    free_.clear();
    free = {};
    if (is_over()) {
        return 0;
    }
    left_ -= std::min<uint64_t>(left_, piece.size());

    if (!held_.empty()) {
        // A secret that begins in what is held ends within the next `longest - 1` bytes.
        const size_t before = held_.size();
        const size_t looked_at = std::min(piece.size(), mask_.longest() - 1);
        held_.append(piece.data(), looked_at);
        has_covered_ = mask_.cover(held_) || has_covered_;
        std::copy_n(held_.begin() + static_cast<std::ptrdiff_t>(before), looked_at, piece.begin());

        const size_t open = mask_.open_end(held_);
        if (!is_last && looked_at == piece.size() && open > looked_at) {  // nor does this piece say
            free_.assign(held_, 0, held_.size() - open);
            held_.erase(0, held_.size() - open);
            free = free_;
            return piece.size();
        }
        free_.assign(held_, 0, before);
        held_.clear();
        free = free_;
    }

    has_covered_ = mask_.cover(piece) || has_covered_;
    const size_t open = is_last ? 0 : mask_.open_end({piece.data(), piece.size()});
    held_.assign(piece.data() + (piece.size() - open), open);
    return open;
}

}  // namespace nexus::scrub
