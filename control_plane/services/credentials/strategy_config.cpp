// From a profile's params to a strategy, and what such a one must have.
#include "control_plane/services/credentials/strategy_config.h"

#include <algorithm>
#include <array>

#include "control_plane/json/json.h"
#include "control_plane/oauth/profile.h"
#include "control_plane/services/providers/provider_params.h"
#include "shared/oauth1/signature.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::control {

namespace {

constexpr std::array<std::string_view, 16> kMembers{
    "header_name",    "credential_field", "value_prefix", "param_name",
    "username_field", "password_field",   "secret_field", "algo",
    "encoding",       "service",          "region",       "cookie_name",
    "template",       "timestamp_header", "realm",        "signature_method"};
constexpr std::array<std::string_view, 7> kStaticStrategies{
    "header", "query_param", "basic_auth", "hmac_payload", "aws_sigv4", "cookie", "oauth1"};

struct Required {
    std::string_view type;
    std::string_view member;
};
constexpr std::array<Required, 4> kRequired{{{"query_param", "param_name"},
                                             {"cookie", "cookie_name"},
                                             {"hmac_payload", "header_name"},
                                             {"aws_sigv4", "service"}}};

struct Choice {
    std::string_view type;
    std::string_view member;
    std::array<std::string_view, 3> values;
    std::string_view sentence;
};
constexpr std::array<Choice, 2> kChoices{
    {{"hmac_payload", "algo", {"sha256", "sha1", "sha512"}, "must be sha256, sha1 or sha512"},
     {"hmac_payload", "encoding", {"hex", "base64", "base64url"}, "must be hex, base64 or base64url"}}};

template <typename Names>
bool is_one_of(const Names &names, std::string_view name) noexcept {
    return std::ranges::find(names, name) != std::ranges::end(names);
}

tl::unexpected<Error> refuse(std::string_view member, std::string_view sentence) {
    return fail(Errc::kInvalidRequest, std::string{sentence}, std::string{member});
}

// header_name_2 and the like.
bool is_of_a_header(std::string_view name) noexcept {
    return std::ranges::any_of(strategy::kHeaderMembers, [&](const strategy::HeaderMembers &members) {
        return name == members.header_name || name == members.credential_field ||
               name == members.value_prefix;
    });
}

Result<void> check_scope_names(const StrategyConfig &strategy) {
    for (const std::string_view member : {"service", "region"}) {
        const std::string name = strategy.get(member, "");
        if (!name.empty() && !sigv4::is_scope_name(name)) {
            return refuse(member, "must be of a-z, 0-9 and -");
        }
    }
    return {};
}

Result<void> check_oauth1(const StrategyConfig &strategy) {
    if (!oauth1::hash_of_method(strategy.get("signature_method", ""))) {
        return refuse("signature_method", "must be HMAC-SHA1 or HMAC-SHA256");
    }
    return oauth1::is_realm(strategy.get("realm", ""))
               ? Result<void>{}
               : refuse("realm", "must not have quotes, backslashes or control characters");
}

// As the edge reads it, and no member that it would not look at.
Result<void> check_headers(const StrategyConfig &strategy) {
    const Result<strategy::HeaderRules> rules = strategy::HeaderRules::read(strategy.lookup());
    if (!rules) {
        const Error &error = rules.error();  // its message begins with the member
        return refuse(error.detail, std::string_view{error.message}.substr(error.detail.size() + 1));
    }
    for (size_t i = rules->all().size(); i < strategy::kMaxHeaderLines; ++i) {
        const strategy::HeaderMembers &members = strategy::kHeaderMembers.at(i);
        for (const std::string_view member : {members.credential_field, members.value_prefix}) {
            if (!strategy.get(member, "").empty()) {
                return refuse(member, "is of a header that has no name");
            }
        }
    }
    return {};
}

}  // namespace

bool is_strategy_member(std::string_view name) noexcept {
    return is_one_of(kMembers, name) || is_of_a_header(name);
}

bool is_static_strategy(std::string_view type) noexcept {
    return is_one_of(kStaticStrategies, type);
}

Result<void> check_strategy(const StrategyConfig &strategy) {
    for (const Required &required : kRequired) {
        if (strategy.type == required.type && strategy.get(required.member, "").empty()) {
            return refuse(required.member, "is required for " + strategy.type);
        }
    }
    for (const Choice &choice : kChoices) {
        if (strategy.type == choice.type &&
            !is_one_of(choice.values, strategy.get(choice.member, choice.values.front()))) {
            return refuse(choice.member, choice.sentence);
        }
    }
    if (strategy.type == "aws_sigv4") {
        return check_scope_names(strategy);
    }
    if (strategy.type == "oauth1") {
        return check_oauth1(strategy);
    }
    return strategy.type == "header" ? check_headers(strategy) : Result<void>{};
}

std::string StrategyConfig::get(std::string_view name, std::string_view fallback) const {
    auto found =
        std::find_if(config.begin(), config.end(), [&](const auto &entry) { return entry.first == name; });
    return found == config.end() ? std::string{fallback} : found->second;
}

strategy::ConfigLookup StrategyConfig::lookup() const {
    return [this](std::string_view name) {
        auto found = std::ranges::find(config, name, &std::pair<std::string, std::string>::first);
        return found == config.end() ? std::string_view{} : std::string_view{found->second};
    };
}

namespace {

// oauth.injection: where the token goes if not into Authorization.
StrategyConfig oauth2_strategy(const store::Provider &provider) {
    if (provider.oauth.find("\"injection\"") == std::string::npos) {
        return {"oauth2", {}};
    }
    Result<OAuthProfile> profile = stored_oauth_profile(provider.oauth);
    const TokenInjection injection = profile ? profile->injection : TokenInjection{};
    if (!injection.param_name.empty()) {
        return {"query_param", {{"param_name", injection.param_name}, {"credential_field", "access_token"}}};
    }
    if (injection.header_name.empty() && injection.value_prefix.empty()) {
        return {"oauth2", {}};
    }
    const std::string header = injection.header_name.empty() ? "Authorization" : injection.header_name;
    return {"header",
            {{"header_name", header},
             {"value_prefix", injection.value_prefix},
             {"credential_field", "access_token"}}};
}

void add_default(StrategyConfig &strategy, const std::string &name, const std::string &value) {
    if (strategy.get(name, "").empty()) {
        strategy.config.emplace_back(name, value);
    }
}

void add_defaults(StrategyConfig &strategy) {
    if (strategy.type == "hmac_payload") {
        add_default(strategy, "secret_field", "api_secret");
        add_default(strategy, "algo", "sha256");
        add_default(strategy, "encoding", "hex");
    }
    if (strategy.type == "aws_sigv4") {
        add_default(strategy, "region", "us-east-1");
    }
    if (strategy.type == "oauth1") {
        add_default(strategy, "signature_method", "HMAC-SHA1");
    }
}

}  // namespace

StrategyConfig strategy_of(const store::Provider &provider) {
    if (provider.auth_type == "oauth2") {
        return oauth2_strategy(provider);
    }
    json::Value params = params_of(provider);
    json::Value given = params.get("auth_strategy");
    StrategyConfig out;
    if (given.is_object()) {
        out.type = given.get("type").as_string();
        json::Value config = given.get("config");
        for (const std::string &name : config.names()) {
            out.config.emplace_back(name, std::string{config.get(name).as_string()});
        }
        add_defaults(out);
        return out;
    }
    out.type = provider.auth_type == "api_key" ? "header" : provider.auth_type;
    for (const std::string &name : params.names()) {
        if (json::Value value = params.get(name); is_strategy_member(name) && value.is_string()) {
            out.config.emplace_back(name, std::string{value.as_string()});
        }
    }
    if (out.type == "header" && out.get("header_name", "").empty()) {
        out.config.emplace_back("header_name",
                                provider.auth_header.empty() ? "X-API-Key" : provider.auth_header);
    }
    if ((out.type == "header" || out.type == "query_param") && out.get("credential_field", "").empty()) {
        out.config.emplace_back("credential_field", "api_key");
    }
    add_defaults(out);
    return out;
}

}  // namespace nexus::control
