// The lines of the strategy `header`, as its config says them: header_name, credential_field and value_prefix
// for the first, the same names with _2 to _8 behind them for more. For the edge, which puts them on, and for
// whoever lets such a config in.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string_view>

#include "shared/result.h"

namespace nexus::strategy {

inline constexpr size_t kMaxHeaderLines = 8;

/// The members of one line.
struct HeaderMembers {
    std::string_view header_name;
    std::string_view credential_field;
    std::string_view value_prefix;
};

inline constexpr std::array<HeaderMembers, kMaxHeaderLines> kHeaderMembers = {{
    {"header_name", "credential_field", "value_prefix"},
    {"header_name_2", "credential_field_2", "value_prefix_2"},
    {"header_name_3", "credential_field_3", "value_prefix_3"},
    {"header_name_4", "credential_field_4", "value_prefix_4"},
    {"header_name_5", "credential_field_5", "value_prefix_5"},
    {"header_name_6", "credential_field_6", "value_prefix_6"},
    {"header_name_7", "credential_field_7", "value_prefix_7"},
    {"header_name_8", "credential_field_8", "value_prefix_8"},
}};

struct HeaderRule {
    std::string_view name;
    std::string_view credential_field;
    std::string_view prefix;
};

/// A config member's text, "" if absent. What it gives must outlive the rules.
using ConfigLookup = std::function<std::string_view(std::string_view name)>;

class HeaderRules {
public:
    /// Defaults: header_name Authorization, credential_field api_key; none for further lines, which need
    /// header_name_N and credential_field_N.
    /// errors  kStrategyFailed: a gap in the numbers, a missing credential_field_N, a name that frames the
    ///         request or that comes twice, a prefix with control characters. The message begins with the
    ///         member, which is the detail as well.
    static Result<HeaderRules> read(const ConfigLookup &config);

    std::span<const HeaderRule> all() const noexcept { return {rules_.data(), count_}; }

private:
    std::array<HeaderRule, kMaxHeaderLines> rules_;
    size_t count_ = 0;
};

}  // namespace nexus::strategy
