// Names of scopes: see scope.h.
#include "control_plane/services/access/scope.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nexus::control {

namespace {

constexpr std::array<std::pair<Scope, std::string_view>, 13> kNames{{
    {Scope::kProvidersRead, "providers:read"},
    {Scope::kProvidersWrite, "providers:write"},
    {Scope::kSecretsRead, "secrets:read"},
    {Scope::kConnectionsRead, "connections:read"},
    {Scope::kConnectionsWrite, "connections:write"},
    {Scope::kTokensRead, "tokens:read"},
    {Scope::kTokensRefresh, "tokens:refresh"},
    {Scope::kAgentsRead, "agents:read"},
    {Scope::kAgentsWrite, "agents:write"},
    {Scope::kKeysAdmin, "keys:admin"},
    {Scope::kAuditRead, "audit:read"},
    {Scope::kVaultAdmin, "vault:admin"},
    {Scope::kEdge, "edge"},
}};

}  // namespace

std::string_view to_string(Scope scope) noexcept {
    const auto *found =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto &entry) { return entry.first == scope; });
    return found == kNames.end() ? std::string_view{} : found->second;
}

std::optional<Scope> parse_scope(std::string_view name) noexcept {
    const auto *found =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto &entry) { return entry.second == name; });
    return found == kNames.end() ? std::nullopt : std::optional{found->first};
}

std::vector<std::string> scope_names(Scopes scopes) {
    std::vector<std::string> out;
    for (const auto &[scope, name] : kNames) {
        if (scopes.has(scope)) {
            out.emplace_back(name);
        }
    }
    return out;
}

}  // namespace nexus::control
