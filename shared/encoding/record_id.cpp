// Checked for every request at the edge.
#include "shared/encoding/record_id.h"

#include "shared/encoding/character_set.h"

namespace nexus::encoding {

namespace {

constexpr CharacterSet kLowerHex{"0123456789abcdef"};

}  // namespace

bool is_canonical_uuid(std::string_view text) noexcept {
    if (text.size() != 36) {
        return false;
    }
    return text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-' &&
           kLowerHex.covers(text.substr(0, 8)) && kLowerHex.covers(text.substr(9, 4)) &&
           kLowerHex.covers(text.substr(14, 4)) && kLowerHex.covers(text.substr(19, 4)) &&
           kLowerHex.covers(text.substr(24));
}

bool is_sha256_hex(std::string_view text) noexcept {
    return text.size() == 64 && kLowerHex.covers(text);
}

}  // namespace nexus::encoding
