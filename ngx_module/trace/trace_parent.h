// The `traceparent` header of W3C Trace Context: is it one, which trace is meant, and making one. Pure text
// work. source: https://www.w3.org/TR/trace-context/ section 3.2
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace nexus::edge {

inline constexpr size_t kTraceParentBytes = 55;  // of version 00
inline constexpr size_t kTraceRandomBytes = 24;  // of one trace id and one parent id

/// A trace id and a parent id that are not all zeros, in lower-case hexadecimal. Of a version above 00 what
/// is known of 00 must hold; what follows is left alone.
bool is_trace_parent(std::string_view value) noexcept;

/// The 32 digits of the trace id; `value` must be one for which is_trace_parent holds.
std::string_view trace_id_of(std::string_view value) noexcept;

/// A new trace, not sampled. Zero bytes are no id: the chance that all of one id are is below 2^-64, and then
/// its last digit is made 1.
std::array<char, kTraceParentBytes> make_trace_parent(
    std::span<const unsigned char, kTraceRandomBytes> random) noexcept;

}  // namespace nexus::edge
