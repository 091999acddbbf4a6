// Names that people give: agents, keys, workspaces.
#pragma once

#include <algorithm>
#include <string_view>

namespace nexus::control {

/// 1 to 255 bytes without control characters.
inline bool is_label(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 255 && std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
}

}  // namespace nexus::control
