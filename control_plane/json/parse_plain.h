// A quick way to parse plain JSON: compact ASCII as programs print it. Everything else is jansson's.
#pragma once

#include <optional>

#include "control_plane/json/json.h"

namespace nexus::control::json {

/// The value, if the text is JSON without escapes, fractions and bytes beyond ASCII, not nested deeper than
/// max_depth, and an object or array without a member twice. nullopt says nothing: it may be valid or not,
/// ask jansson.
std::optional<Value> parse_plain(std::string_view text, size_t max_depth);

}  // namespace nexus::control::json
