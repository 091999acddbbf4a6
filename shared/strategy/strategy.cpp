// One function per strategy, found by name. Whatever a record lacks, or holds that could break out of its
// place in a request, is kStrategyFailed: no credential is sent when in doubt, and no message repeats a
// value.
#include "shared/strategy/strategy.h"

#include <algorithm>
#include <array>

#include "shared/encoding/base64.h"
#include "shared/encoding/percent.h"
#include "shared/http1/syntax.h"
#include "shared/strategy/header_rules.h"
#include "shared/strategy/parts.h"
#include "shared/strategy/signing.h"

namespace nexus::strategy {

namespace {

using record::TokenView;

Injection authorization(std::string_view scheme, std::string_view value, Secret made = {}) {
    return {Injection::Place::kHeader, "Authorization", scheme, value, std::move(made), {}};
}

Result<Injection> oauth2(const TokenView &record) {
    if (is_dpop_bound(record)) {
        return failed("the token is bound to a key: it goes with a proof only");
    }
    const Result<std::string_view> token = credential(record, "access_token");
    if (!token) {
        return tl::unexpected(token.error());
    }
    return authorization("Bearer ", *token);
}

Result<Injection> header(const TokenView &record) {
    const Result<HeaderRules> rules =
        HeaderRules::read([&](std::string_view name) { return record.strategy_config(name); });
    if (!rules) {
        return tl::unexpected(rules.error());
    }
    Injection out;
    for (const HeaderRule &rule : rules->all()) {
        const Result<std::string_view> value = credential(record, rule.credential_field);
        if (!value) {
            return tl::unexpected(value.error());
        }
        if (out.name.empty()) {
            out.name = rule.name;
            out.prefix = rule.prefix;
            out.value = *value;
        } else {
            out.more.push_back({rule.name, rule.prefix, *value});
        }
    }
    return out;
}

Result<Injection> query_param(const TokenView &record) {
    const std::string_view name = record.strategy_config("param_name");
    if (name.empty()) {
        return failed("query_param needs param_name");
    }
    const Result<std::string_view> value =
        credential(record, config_or(record, "credential_field", "api_key"));
    if (!value) {
        return tl::unexpected(value.error());
    }
    Secret encoded{encoding::percent_encode(*value)};
    const std::string_view view = encoded.view();
    return Injection{
        Injection::Place::kQuery, encoding::percent_encode(name), {}, view, std::move(encoded), {}};
}

/// RFC 6265 section 4.1.1: what a cookie's value is made of.
bool is_cookie_value(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
    });
}

Result<Injection> cookie(const TokenView &record) {
    const std::string_view name = record.strategy_config("cookie_name");
    if (!http1::is_token(name)) {
        return failed("cookie needs cookie_name, a token");
    }
    const Result<std::string_view> value =
        credential(record, config_or(record, "credential_field", "api_key"));
    if (!value) {
        return tl::unexpected(value.error());
    }
    if (!is_cookie_value(*value)) {
        return failed("the credential holds characters that a cookie must not have");
    }
    return Injection{Injection::Place::kCookie, std::string{name}, {}, *value, {}, {}};
}

/// RFC 7617 section 2: base64 of user-id ":" password, the user-id without a colon.
Result<Injection> basic_auth(const TokenView &record) {
    const Result<std::string_view> username =
        credential(record, config_or(record, "username_field", "username"));
    if (!username) {
        return tl::unexpected(username.error());
    }
    const Result<std::string_view> password =
        credential(record, config_or(record, "password_field", "password"));
    if (!password) {
        return tl::unexpected(password.error());
    }
    if (username->find(':') != std::string_view::npos) {
        return failed("a user name for basic_auth holds a colon");
    }

    std::string pair;
    pair.reserve(username->size() + 1 + password->size());
    pair.append(*username).append(1, ':').append(*password);
    Secret encoded{encoding::base64_encode(pair)};
    wipe(pair);
    const std::string_view view = encoded.view();
    return authorization("Basic ", view, std::move(encoded));
}

struct Strategy {
    std::string_view name;
    Result<Injection> (*apply)(const TokenView &record);
};

constexpr std::array<Strategy, 5> kStrategies = {{
    {"oauth2", oauth2},
    {"header", header},
    {"query_param", query_param},
    {"basic_auth", basic_auth},
    {"cookie", cookie},
}};

const Strategy *find_strategy(std::string_view name) noexcept {
    for (const Strategy &strategy : kStrategies) {
        if (strategy.name == name) {
            return &strategy;
        }
    }
    return nullptr;
}

}  // namespace

bool is_known(std::string_view strategy) noexcept {
    return find_strategy(strategy) != nullptr;
}

Result<Injection> injection_for(const TokenView &record) {
    if (record.state() != connection::State::kActive) {
        return failed("the connection is not active");
    }
    const Strategy *strategy = find_strategy(record.strategy());
    if (strategy == nullptr) {
        return failed("the record's strategy is unknown");
    }
    return strategy->apply(record);
}

}  // namespace nexus::strategy
