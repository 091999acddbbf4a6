// Checked for every request at the edge.
#include "shared/encoding/record_id.h"

#include <array>
#include <cstring>

#include "shared/encoding/hex_word.h"

namespace nexus::encoding {

std::optional<IdWords> read_canonical_uuid(std::string_view text) noexcept {
    if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') {
        return std::nullopt;
    }
    std::array<char, 32> digits;
    std::memcpy(digits.data(), text.data(), 8);
    std::memcpy(digits.data() + 8, text.data() + 9, 4);
    std::memcpy(digits.data() + 12, text.data() + 14, 4);
    std::memcpy(digits.data() + 16, text.data() + 19, 4);
    std::memcpy(digits.data() + 20, text.data() + 24, 12);

    HexWords words;
    const IdWords id{words.read(digits.data()), words.read(digits.data() + 16)};
    return words.all_digits() ? std::optional(id) : std::nullopt;
}

std::optional<IdWords> read_sha256_hex(std::string_view text) noexcept {
    if (text.size() != 64) {
        return std::nullopt;
    }
    HexWords words;
    const IdWords id{words.read(text.data()), words.read(text.data() + 16)};
    words.read(text.data() + 32);
    words.read(text.data() + 48);
    return words.all_digits() ? std::optional(id) : std::nullopt;
}

}  // namespace nexus::encoding
