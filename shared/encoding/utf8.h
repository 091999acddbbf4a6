// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nexus::encoding {

/// Length (1 to 4) of the sequence at the front of `text`, which is not empty; 0 if there is none.
size_t utf8_length(std::string_view text) noexcept;

bool is_utf8(std::string_view text) noexcept;

/// `text` with U+FFFD for each byte that is not part of a sequence.
std::string to_utf8(std::string_view text);

}  // namespace nexus::encoding
