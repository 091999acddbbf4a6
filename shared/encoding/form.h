// Parameters of a query or of an application/x-www-form-urlencoded body, for whoever signs them. Lenient: a
// request is signed as it is sent, well formed or not.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nexus::encoding {

/// Decodes every %XX. What is malformed stands for itself (percent_decode refuses it).
/// plus_is_space: read "+" as a space, as form decoders do
std::string decode_leniently(std::string_view text, bool plus_is_space);

using FormPairs = std::vector<std::pair<std::string, std::string>>;

/// name=value pairs parted by "&", decoded, "+" as a space; what is empty is none of them, and a name without
/// "=" has the value "".
FormPairs parse_form(std::string_view text);

}  // namespace nexus::encoding
