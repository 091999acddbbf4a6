// `pattern` of credential schemas, over RE2: time and memory are bounded whatever a profile's author writes
// and whatever a person types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nexus::control {

inline constexpr size_t kMaxPatternBytes = 512;
inline constexpr int64_t kMaxPatternMemory = 1 << 20;

/// Does it compile within the bounds? Look-around and back-references do not.
bool is_usable_pattern(std::string_view pattern);
/// Is it found anywhere in the value (JSON Schema: not anchored)? false for a pattern that is not usable.
bool matches_pattern(std::string_view pattern, std::string_view value);

}  // namespace nexus::control
