// The version that nexusd and nexusctl report; CMake sets it from the project's.
#pragma once

#include <string_view>

namespace nexus::control {

inline constexpr std::string_view kVersion = NEXUS_VERSION;

}  // namespace nexus::control
