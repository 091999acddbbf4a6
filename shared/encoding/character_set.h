// Sets of characters as tables. std::string_view::find_first_not_of searches the set anew for each character,
// which costs more than anything else that is done to an API key.
#pragma once

#include <array>
#include <string_view>

namespace nexus::encoding {

class CharacterSet {
public:
    constexpr explicit CharacterSet(std::string_view characters) {
        for (const char c : characters) {
            table_[static_cast<unsigned char>(c)] = true;
        }
    }

    constexpr bool contains(char c) const noexcept { return table_[static_cast<unsigned char>(c)]; }

    /// Is `text` made of these characters only? An empty one is.
    constexpr bool covers(std::string_view text) const noexcept {
        bool all = true;
        for (const char c : text) {
            all &= contains(c);  // to the end: nearly always all of them are
        }
        return all;
    }

private:
    std::array<bool, 256> table_{};
};

}  // namespace nexus::encoding
