// By strategy and name: a record does not say which of its credentials are secret.
#include "shared/strategy/public_fields.h"

#include <algorithm>
#include <array>

#include "shared/strategy/header_rules.h"
#include "shared/strategy/parts.h"

namespace nexus::strategy {

namespace {

using record::TokenView;

/// No endings such as "_id": a secret_id is none.
constexpr std::array<std::string_view, 12> kNames = {
    "account_id", "app_id",    "application_id", "client_id",  "email",   "organization_id",
    "project_id", "tenant_id", "user",           "user_email", "user_id", "username"};

bool is_name(std::string_view field) noexcept {
    return std::ranges::find(kNames, field) != kNames.end();
}

/// A lone header carries the secret, whatever it is called.
bool has_header_with_secret(const TokenView &record) {
    const Result<HeaderRules> rules =
        HeaderRules::read([&](std::string_view name) { return record.strategy_config(name); });
    return rules && std::ranges::any_of(
                        rules->all(), [](const HeaderRule &rule) { return !is_name(rule.credential_field); });
}

}  // namespace

bool is_public_field(const TokenView &record, std::string_view field) {
    if (field == "token_type" || field == "scope") {
        return true;
    }
    const std::string_view strategy = record.strategy();
    if (strategy == "aws_sigv4") {
        return field == "access_key";
    }
    if (strategy == "oauth1") {
        return field == "consumer_key";
    }
    if (strategy == "basic_auth") {
        return field == config_or(record, "username_field", "username");
    }
    return strategy == "header" && is_name(field) && has_header_with_secret(record);
}

}  // namespace nexus::strategy
