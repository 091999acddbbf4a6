// Percent-encoding of URI components (RFC 3986 section 2).
#pragma once

#include <string>
#include <string_view>

#include "shared/encoding/character_set.h"
#include "shared/result.h"

namespace nexus::encoding {

/// What percent-encoding leaves as it is (section 2.3).
inline constexpr CharacterSet kUnreserved{
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"};

/// Encodes every byte but the unreserved ones, with upper-case digits.
/// The result is allocated once, at its largest, so that no copy of a secret is left behind.
std::string percent_encode(std::string_view bytes);

/// Decodes every %XX. plus_is_space: read "+" as a space, as form decoders do (query strings, not paths).
/// errors kInvalidRequest  a "%" without two hexadecimal digits behind it, or an encoded NUL
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// Does the percent-encoded `text` stand for the same bytes as the percent-encoded `other`? A "%" that two
/// hexadecimal digits do not follow stands for itself.
/// plus_is_space  read "+" in `text` as a space, as form decoders do
bool percent_decoded_equal(std::string_view text, std::string_view other, bool plus_is_space) noexcept;

}  // namespace nexus::encoding
