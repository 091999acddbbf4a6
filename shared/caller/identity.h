// How a caller without an API key is found: by the SHA-256 of a text that says which kind of proof named
// whom. The control plane writes caller records under it, the edge looks them up; docs/token-record.md has
// the texts. The first part keeps the kinds apart, from each other and from API keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nexus::caller {

/// How a caller proves who he is. The names are those of nexus_auth and of the admin API.
enum class Method : uint8_t { kApiKey, kJwt, kMtls, kPeer };

std::string_view to_string(Method method) noexcept;
std::optional<Method> parse_method(std::string_view name) noexcept;

inline constexpr size_t kMaxIssuerBytes = 512;
inline constexpr size_t kMaxSubjectBytes = 255;
inline constexpr size_t kMaxSanBytes = 512;

/// A subject of a token: 1 to 255 bytes of UTF-8 without control characters.
bool is_subject(std::string_view text) noexcept;

/// The issuer of a token, as it writes itself: an https URL without query and fragment (http of a loopback
/// host for tests), at most kMaxIssuerBytes. Compared byte by byte.
bool is_issuer(std::string_view text) noexcept;

/// A name of a certificate in its one form: `URI:`, `DNS:` or `email:`, then the name in printable ASCII;
/// host names in lower case. nullopt: no such name, or too long
std::optional<std::string> canonical_san(std::string_view type, std::string_view name);
/// The same of "TYPE:name".
std::optional<std::string> canonical_san(std::string_view text);

/// 64 hexadecimal digits: what takes the place of an API key's SHA-256.
std::string issuer_sha256(std::string_view issuer);  // of an issuer record
std::string jwt_sha256(std::string_view issuer, std::string_view subject);
std::string mtls_sha256(std::string_view canonical_san);
std::string peer_sha256(uint32_t uid);

}  // namespace nexus::caller
