// What a control-plane key may do. Keys of the environment have all scopes (API_KEY, API_KEYS) or `edge`
// (EDGE_KEY); keys made under /admin/keys have those they were given. Which route needs which scope stands in
// api/'s route table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nexus::control {

enum class Scope : uint32_t {
    kProvidersRead = 1u << 0,
    kProvidersWrite = 1u << 1,
    kSecretsRead = 1u << 2,  // client secrets in clear
    kConnectionsRead = 1u << 3,
    kConnectionsWrite = 1u << 4,  // consents, reconnects, imports, labels, revocations
    kTokensRead = 1u << 5,
    kTokensRefresh = 1u << 6,
    kAgentsRead = 1u << 7,
    kAgentsWrite = 1u << 8,
    kKeysAdmin = 1u << 9,  // control-plane keys themselves
    kAuditRead = 1u << 10,
    kVaultAdmin = 1u << 11,  // key rotation
    kEdge = 1u << 12,        // sealed records, and agents' /v1 calls on their behalf
};

/// Bits of Scope.
class Scopes {
public:
    constexpr Scopes() = default;
    constexpr explicit Scopes(uint32_t bits) : bits_(bits & kAllBits) {}
    constexpr Scopes(Scope scope) : bits_(static_cast<uint32_t>(scope)) {}

    static constexpr Scopes all() { return Scopes{kAllBits}; }
    constexpr bool has(Scope scope) const { return (bits_ & static_cast<uint32_t>(scope)) != 0; }
    constexpr bool has_all() const { return bits_ == kAllBits; }
    constexpr bool has_all_of(Scopes wanted) const { return (bits_ & wanted.bits_) == wanted.bits_; }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr uint32_t bits() const { return bits_; }
    constexpr Scopes operator|(Scopes other) const { return Scopes{bits_ | other.bits_}; }
    constexpr Scopes operator&(Scopes other) const { return Scopes{bits_ & other.bits_}; }
    constexpr Scopes without(Scopes other) const { return Scopes{bits_ & ~other.bits_}; }
    constexpr bool operator==(const Scopes &) const = default;

private:
    static constexpr uint32_t kAllBits = (1u << 13) - 1;
    uint32_t bits_ = 0;
};

/// What a key that is bound to one workspace can have: the scopes whose objects have a workspace, and reading
/// profiles. Profiles and the vault belong to the whole installation.
inline constexpr Scopes kWorkspaceScopes = Scopes{Scope::kProvidersRead} | Scope::kConnectionsRead |
                                           Scope::kConnectionsWrite | Scope::kTokensRead |
                                           Scope::kTokensRefresh | Scope::kAgentsRead | Scope::kAgentsWrite |
                                           Scope::kKeysAdmin | Scope::kAuditRead | Scope::kEdge;

std::string_view to_string(Scope scope) noexcept;
std::optional<Scope> parse_scope(std::string_view name) noexcept;
/// Names in the order of the enumerators.
std::vector<std::string> scope_names(Scopes scopes);

}  // namespace nexus::control
