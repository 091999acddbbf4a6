// Reading the config of `header`.
#include "shared/strategy/header_rules.h"

#include <algorithm>

#include "shared/http1/syntax.h"
#include "shared/strategy/parts.h"

namespace nexus::strategy {

namespace {

tl::unexpected<Error> refuse(std::string_view member, std::string_view why) {
    return failed(std::string{member}.append(" ").append(why), member);
}

std::string_view first_given(std::string_view one, std::string_view other) noexcept {
    return one.empty() ? other : one;
}

}  // namespace

Result<HeaderRules> HeaderRules::read(const ConfigLookup &config) {
    HeaderRules out;
    for (size_t i = 0; i < kMaxHeaderLines; ++i) {
        const HeaderMembers &members = kHeaderMembers.at(i);
        const std::string_view name = first_given(config(members.header_name), i == 0 ? "Authorization" : "");
        if (name.empty()) {
            continue;
        }
        if (out.count_ < i) {
            return refuse(members.header_name, "comes after a gap in the numbers");
        }
        if (!check_header_name(name)) {
            return refuse(members.header_name, "cannot carry a credential");
        }
        if (std::ranges::any_of(out.all(), [&](const HeaderRule &rule) {
                return http1::equal_ignoring_case(rule.name, name);
            })) {
            return refuse(members.header_name, "names a header for the second time");
        }
        const std::string_view field = first_given(config(members.credential_field), i == 0 ? "api_key" : "");
        if (field.empty()) {
            return refuse(members.credential_field, "is required for a further header");
        }
        const std::string_view prefix = config(members.value_prefix);
        if (!http1::is_field_value(prefix)) {
            return refuse(members.value_prefix, "holds control characters");
        }
        out.rules_.at(out.count_++) = {name, field, prefix};
    }
    return out;
}

}  // namespace nexus::strategy
