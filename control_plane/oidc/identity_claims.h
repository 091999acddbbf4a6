// Who a person is at the provider, in one form whoever says it: the claims of an id_token or of a UserInfo
// answer (OpenID Connect Core section 5.1), Google's `hd` and Azure's `tid` among them. Whether they may be
// believed is the caller's business; that each is of its type and of a sane size is ensured here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control_plane/json/json.h"

namespace nexus::control {

/// A claim of another type, of more bytes than its limit, or with control characters is as good as not there.
struct IdentityClaims {
    std::string sub;  // "" = none, or none that is 1..255 characters of ASCII
    std::optional<std::string> email;
    std::optional<bool> email_verified;  // of "true" and "false" too: some providers send text
    std::optional<std::string> name;
    std::optional<std::string> given_name;
    std::optional<std::string> family_name;
    std::optional<std::string> picture;  // an http or https URL
    std::optional<std::string> locale;
    std::optional<std::string> hd;      // Google: the organisation's domain
    std::optional<std::string> tenant;  // Azure: `tid`

    bool operator==(const IdentityClaims &) const = default;
};

inline constexpr size_t kMaxSubjectBytes = 255;  // OpenID Connect Core section 2
inline constexpr size_t kMaxEmailBytes = 320;
inline constexpr size_t kMaxNameBytes = 512;
inline constexpr size_t kMaxPictureBytes = 2048;
inline constexpr size_t kMaxLocaleBytes = 64;
inline constexpr size_t kMaxTenantBytes = 255;

/// 1..255 printable characters of ASCII.
bool is_subject(std::string_view text) noexcept;

/// claims  a JSON object; anything else has no claims
IdentityClaims identity_claims_from(const json::Value &claims);

/// The members that are known, under the names of the struct.
json::Value to_json(const IdentityClaims &claims);

}  // namespace nexus::control
