#include "shared/strategy/public_fields.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/strategy/records.h"

namespace nexus::strategy {
namespace {

struct Fields {
    const char *label;
    const char *strategy;
    Members config;
    std::vector<std::string> names;
    std::vector<std::string> secrets;
};

class PublicFields : public testing::TestWithParam<Fields> {};

TEST_P(PublicFields, AreNamesOnly) {
    const Fields &fields = GetParam();
    const tests::OpenedToken opened(record_with(fields.strategy, fields.config, {}));
    for (const std::string &name : fields.names) {
        EXPECT_TRUE(is_public_field(opened.view, name)) << name;
    }
    for (const std::string &secret : fields.secrets) {
        EXPECT_FALSE(is_public_field(opened.view, secret)) << secret;
    }
}

const Members kCloudflare = {{"header_name", "X-Auth-Email"},
                             {"credential_field", "email"},
                             {"header_name_2", "X-Auth-Key"},
                             {"credential_field_2", "api_key"}};

INSTANTIATE_TEST_SUITE_P(
    All, PublicFields,
    testing::Values(
        Fields{"Oauth2", "oauth2", {}, {"token_type", "scope"}, {"access_token", "id_token", "username"}},
        Fields{"BasicAuth", "basic_auth", {}, {"username"}, {"password", "user", "access_key"}},
        Fields{
            "BasicAuthNamed", "basic_auth", {{"username_field", "sid"}}, {"sid"}, {"username", "password"}},
        Fields{"AwsSigv4", "aws_sigv4", {}, {"access_key"}, {"secret_key", "session_token", "consumer_key"}},
        Fields{"Oauth1", "oauth1", {}, {"consumer_key"}, {"consumer_secret", "token", "token_secret"}},
        Fields{"HeadersOfNameAndSecret", "header", kCloudflare, {"email", "scope"}, {"api_key", "secret_id"}},
        Fields{"TheOnlyHeader", "header", {{"credential_field", "username"}}, {}, {"username", "access_key"}},
        Fields{"HeadersOfNamesOnly",
               "header",
               {{"credential_field", "client_id"},
                {"header_name_2", "X-User"},
                {"credential_field_2", "user_id"}},
               {},
               {"client_id", "user_id"}},
        Fields{"Cookie", "cookie", {{"credential_field", "user"}}, {}, {"user", "access_key"}}),
    [](const auto &one) { return std::string{one.param.label}; });

}  // namespace
}  // namespace nexus::strategy
