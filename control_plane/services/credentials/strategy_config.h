// How a profile says that its credential goes onto a request (reference 1.8), as the edge will read it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control_plane/store/provider_repository.h"
#include "shared/result.h"
#include "shared/strategy/header_rules.h"

namespace nexus::control {

struct StrategyConfig {
    std::string type;
    std::vector<std::pair<std::string, std::string>> config;

    std::string get(std::string_view name, std::string_view fallback) const;
    strategy::ConfigLookup lookup() const;  // views into this
};

/// params.auth_strategy, or the auth_type's own with the members of params; defaults filled in.
StrategyConfig strategy_of(const store::Provider &provider);

/// Is a member of params one of a strategy's config?
bool is_strategy_member(std::string_view name) noexcept;
/// Strategies of static credentials.
bool is_static_strategy(std::string_view type) noexcept;

/// Is there what the strategy needs, and in a form that the edge can use? errors kInvalidRequest: the detail
/// is the config member, the message what is wrong with it
Result<void> check_strategy(const StrategyConfig &strategy);

}  // namespace nexus::control
