// Bounds of options. CLI11's own PositiveNumber would name the largest double, in 309 digits.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>

namespace nexus::control::cli {

inline CLI::Range at_least(int64_t least) {
    return {least, int64_t{std::numeric_limits<uint32_t>::max()}};
}

}  // namespace nexus::control::cli
