// API keys as text: `nxa_<id>_<secret>` of agents, `nxk_<id>_<secret>` of the control plane. Made here once;
// only the SHA-256 of the whole is kept.
#pragma once

#include <string>
#include <string_view>

#include "shared/clock.h"
#include "shared/secret.h"

namespace nexus::control {

inline constexpr std::string_view kAgentKeyPrefix = "nxa_";
inline constexpr std::string_view kControlKeyPrefix = "nxk_";

/// A key at the only moment its text exists.
struct NewKey {
    std::string key_id;  // 16 lower-case letters and digits, the public part
    Secret text;         // the whole
    std::string sha256;  // 64 hex digits, of the whole
    UnixMs created_at = 0;
    UnixMs expires_at = 0;  // 0 = never
};

/// A new key, and the old one's new end.
struct RotatedKey {
    NewKey key;
    std::string old_key_id;
    UnixMs old_expires_at = 0;
};

/// 16 lower-case letters and digits, at random: the public part of a key, or the id of an identity.
std::string new_key_id();

/// prefix  kAgentKeyPrefix or kControlKeyPrefix
NewKey new_api_key(std::string_view prefix, UnixMs now, UnixMs expires_at);

/// Has the text the form of a key of this kind: prefix, id of 16, '_', secret of 43 base64url characters?
bool is_api_key(std::string_view prefix, std::string_view text) noexcept;
/// The id alone.
bool is_api_key_id(std::string_view text) noexcept;

}  // namespace nexus::control
