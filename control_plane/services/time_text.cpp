// RFC 3339 text: see time_text.h.
#include "control_plane/services/time_text.h"

#include <array>
#include <ctime>

namespace nexus::control {

std::string to_rfc3339(UnixMs time) {
    std::time_t seconds = time / 1000;
    std::tm parts{};
    std::array<char, 32> text{};
    if (gmtime_r(&seconds, &parts) == nullptr) {
        return {};
    }
    size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text.data(), size};
}

}  // namespace nexus::control
