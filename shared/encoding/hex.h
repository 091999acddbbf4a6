// Lower-case hexadecimal, and UUIDs in their one canonical text form.
#pragma once

#include <string>
#include <string_view>

#include "shared/result.h"

namespace nexus::encoding {

/// 0..15 for a hexadecimal digit of either case, -1 for any other character.
int hex_digit_value(char c) noexcept;

std::string hex_encode(std::string_view bytes);
/// digits  has room for two of each byte
void write_hex(std::string_view bytes, char *digits) noexcept;
/// Accepts both cases. errors kInvalidRequest
Result<std::string> hex_decode(std::string_view text);

/// 8-4-4-4-12 hexadecimal digits, either case (RFC 9562 section 4).
bool is_uuid(std::string_view text) noexcept;
/// The canonical lower-case form that keys and rows use.
std::string to_lower_ascii(std::string_view text);

}  // namespace nexus::encoding
