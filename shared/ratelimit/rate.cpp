// Parsing of rates and counts.
#include "shared/ratelimit/rate.h"

#include <charconv>

namespace nexus::ratelimit {

namespace {

Micros period_of(char unit) noexcept {
    switch (unit) {
        case 's':
            return kSecond;
        case 'm':
            return 60 * kSecond;
        case 'h':
            return 3600 * kSecond;
        case 'd':
            return 24 * 3600 * kSecond;
        default:
            return 0;
    }
}

}  // namespace

std::optional<Rate> parse_rate(std::string_view text) noexcept {
    constexpr size_t kUnitSize = 3;  // "r/s"
    if (text.size() <= kUnitSize || text.substr(text.size() - kUnitSize, 2) != "r/") {
        return std::nullopt;
    }
    const Micros period = period_of(text.back());
    const auto requests = parse_count(text.substr(0, text.size() - kUnitSize), 1, kMaxRequestsOfRate);
    return period != 0 && requests ? std::optional{Rate{*requests, period}} : std::nullopt;
}

std::optional<int64_t> parse_count(std::string_view text, int64_t least, int64_t most) noexcept {
    int64_t number = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_whole = error == std::errc{} && at == text.data() + text.size();
    return is_whole && number >= least && number <= most ? std::optional{number} : std::nullopt;
}

int64_t parse_cost(std::string_view text) noexcept {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
        return 1;
    }
    return parse_count(text, 0, kMaxCost).value_or(kMaxCost + 1);
}

}  // namespace nexus::ratelimit
