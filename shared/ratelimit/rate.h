// Rates as they are written in configurations and plans: "30r/m", as nginx's limit_req writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/ratelimit/gcra.h"

namespace nexus::ratelimit {

inline constexpr int64_t kMaxRequestsOfRate = 1'000'000;

struct Rate {
    int64_t requests = 0;
    Micros period = 0;
};

/// N r/s, r/m, r/h or r/d, N from 1 to kMaxRequestsOfRate; nullopt: it is something else
std::optional<Rate> parse_rate(std::string_view text) noexcept;

/// A whole number within [least, most]; nullopt: it is something else
std::optional<int64_t> parse_count(std::string_view text, int64_t least, int64_t most) noexcept;

/// What a request says that it costs: kMaxCost + 1, which no limit allows, for any larger number; 1 for what
/// is no number
int64_t parse_cost(std::string_view text) noexcept;

}  // namespace nexus::ratelimit
