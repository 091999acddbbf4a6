// Finding secrets in a text and covering them with as many '*': lengths stay, so that nothing that was said
// about the text (Content-Length, offsets) becomes wrong. Pure; a body that comes in pieces is body_mask.h's
// business.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "shared/secret.h"

namespace nexus::scrub {

/// Shorter secrets would be found in texts that have nothing to do with them.
inline constexpr size_t kShortestSecret = 8;

/// A set of byte strings, and a search for all of them in one pass (Wu and Manber: the last two bytes of a
/// window say how far it may move).
class Mask {
public:
    Mask();

    /// Adds a secret, and what it becomes in base64 (both alphabets, wherever it stands in what is encoded),
    /// percent-encoded in the usual ways, and in JSON that escapes slashes. One that is too short, or that is
    /// there already, is left out.
    void add(std::string_view secret);

    bool empty() const noexcept { return needles_.empty(); }
    size_t longest() const noexcept { return longest_; }

    /// Covers every occurrence. returns whether there was one
    bool cover(std::span<char> text) const noexcept;
    bool occurs_in(std::string_view text) const noexcept;

    /// Length of the longest end of `text` that begins one of the strings without being all of it.
    size_t open_end(std::string_view text) const noexcept;

private:
    void add_percent_encoded(const Secret &encoded);
    void add_needle(std::string_view text);
    void note_shifts(std::string_view needle) noexcept;
    size_t length_at(std::string_view text, size_t at) const noexcept;

    template <typename Found>
    void search(std::string_view text, Found found) const noexcept;

    std::vector<Secret> needles_;
    size_t longest_ = 0;
    std::array<uint8_t, 2048> shifts_;
    std::array<bool, 256> begins_{};
};

}  // namespace nexus::scrub
