// Comparing control-plane keys: over digests, all of them each time, so that neither order nor length shows.
#include "control_plane/config/config.h"

namespace nexus::control {

std::optional<KeyScope> match_control_key(std::span<const ControlKey> keys,
                                          std::string_view presented) noexcept {
    if (presented.empty()) {
        return std::nullopt;
    }
    const crypto::Sha256 digest = crypto::sha256(presented);
    std::optional<KeyScope> scope;
    for (const ControlKey &key : keys) {
        if (constant_time_equal(crypto::as_view(key.sha256), crypto::as_view(digest))) {
            scope = key.scope;
        }
    }
    return scope;
}

}  // namespace nexus::control
