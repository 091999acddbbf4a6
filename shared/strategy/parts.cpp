// Config, credentials and names, checked.
#include "shared/strategy/parts.h"

#include <algorithm>
#include <array>

#include "shared/http1/syntax.h"

namespace nexus::strategy {

namespace {

/// Fields that decide where a request goes or where it ends; a credential has no business in them.
constexpr std::array<std::string_view, 10> kFramingFields = {
    "connection", "content-length",    "expect",  "host", "keep-alive", "proxy-connection", "te",
    "trailer",    "transfer-encoding", "upgrade",
};

}  // namespace

tl::unexpected<Error> failed(std::string message, std::string_view detail) {
    return fail(Errc::kStrategyFailed, std::move(message), std::string{detail});
}

std::string_view config_or(const record::TokenView &record, std::string_view name,
                           std::string_view otherwise) {
    const std::string_view value = record.strategy_config(name);
    return value.empty() ? otherwise : value;
}

Result<std::string_view> credential(const record::TokenView &record, std::string_view field) {
    const std::string_view value = record.credential(field);
    if (value.empty()) {
        return failed("the credential that the strategy needs is missing", field);
    }
    if (!http1::is_field_value(value)) {
        return failed("the credential holds control characters", field);
    }
    return value;
}

Result<void> check_header_name(std::string_view name) {
    const bool frames = std::ranges::any_of(
        kFramingFields, [&](std::string_view field) { return http1::equal_ignoring_case(name, field); });
    if (!http1::is_token(name) || frames) {
        return failed("header_name cannot carry a credential");
    }
    return {};
}

}  // namespace nexus::strategy
