// Sixteen bytes at once, in the compilers' vector types: what every request brings is read that way.
#pragma once

#include <cstdint>
#include <cstring>

namespace nexus::encoding {

/// Vector  of sixteen bytes, such as the result of comparing two of them
template <typename Vector>
bool is_zero(const Vector &bytes) noexcept {
    uint64_t halves[2];
    static_assert(sizeof(bytes) == sizeof(halves));
    std::memcpy(halves, &bytes, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
}

}  // namespace nexus::encoding
