// Active records with a strategy, for the strategies' tests.
#pragma once

#include "tests/unit/shared/record/samples.h"

namespace nexus::strategy {

using Members = std::vector<std::pair<std::string, std::string>>;

inline record::TokenRecord record_with(std::string strategy, Members config, const Members &credentials) {
    record::TokenRecord token;
    token.connection_id = tests::kConnectionId;
    token.state = connection::State::kActive;
    token.strategy = std::move(strategy);
    token.strategy_config = std::move(config);
    for (const auto &[name, value] : credentials) {
        token.credentials.emplace_back(name, Secret{std::string_view{value}});
    }
    return token;
}

}  // namespace nexus::strategy
