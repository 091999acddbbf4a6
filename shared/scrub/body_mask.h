// Covering secrets in a body that comes in pieces, wherever these are cut. Of the body it keeps no more than
// the beginning of a secret, until the next bytes say whether it is one.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "shared/scrub/mask.h"

namespace nexus::scrub {

class BodyMask {
public:
    /// mask    lives as long; not empty
    /// bytes   of the body that are looked into: a secret that begins there is covered, one behind it is not
    BodyMask(const Mask &mask, uint64_t bytes);
    ~BodyMask();
    BodyMask(const BodyMask &) = delete;
    BodyMask &operator=(const BodyMask &) = delete;

    /// Covers what is to be covered in `piece`.
    /// free    what was held back before and may go out now, in front of the piece: a view, valid until the
    /// next
    ///         call
    /// returns how many bytes at the piece's end are held back from now on: they are not to be sent. None of
    /// the
    ///         last piece.
    size_t take(std::span<char> piece, bool is_last, std::string_view &free);

    /// What is still held back, when the body ends without a last piece.
    std::string_view rest() const noexcept { return held_; }

    bool has_covered() const noexcept { return has_covered_; }
    /// Whatever comes now goes through untouched.
    bool is_over() const noexcept { return left_ == 0 && held_.empty(); }
    /// Upper bound of what `free` and `rest` give.
    size_t most_held() const noexcept { return 2 * mask_.longest(); }

private:
    const Mask &mask_;
    uint64_t left_;
    bool has_covered_ = false;
    std::string held_;
    std::string free_;
};

}  // namespace nexus::scrub
