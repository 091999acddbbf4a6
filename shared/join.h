// Texts that are put together of parts.
#pragma once

#include <initializer_list>
#include <memory_resource>
#include <string>
#include <string_view>

namespace nexus {

/// The parts, one behind the other; memory is asked for once.
inline std::pmr::string join(std::initializer_list<std::string_view> parts,
                             std::pmr::memory_resource *scratch) {
    size_t size = 0;
    for (const std::string_view part : parts) {
        size += part.size();
    }
    std::pmr::string text(size, '\0', scratch);
    char *at = text.data();
    for (const std::string_view part : parts) {
        at += part.copy(at, part.size());
    }
    return text;
}

}  // namespace nexus
