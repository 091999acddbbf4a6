// What a person may type in.
#include "control_plane/services/credential_schema.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

json::Value parse(const std::string &text) {
    return std::move(*json::parse_object(text));
}

TEST(CredentialSchema, IsImpliedByTheStrategy) {
    store::Provider provider;
    provider.auth_type = "basic_auth";
    EXPECT_EQ(credential_schema_of(provider).required, (std::vector<std::string>{"username", "password"}));
    provider.auth_type = "api_key";
    EXPECT_EQ(credential_schema_json(provider).dump_text(),
              R"({"type":"object","properties":{"api_key":{"type":"string"}},"required":["api_key"]})");
}

TEST(CredentialSchema, AGivenOneStays) {
    store::Provider provider;
    provider.auth_type = "api_key";
    provider.params =
        R"({"credential_schema":{"type":"object","properties":{"api_key":{"type":"string","title":"Key"},"note":{}},"required":["api_key"]}})";
    CredentialSchema schema = credential_schema_of(provider);
    EXPECT_EQ(schema.properties, (std::vector<std::string>{"api_key", "note"}));
    EXPECT_NE(credential_schema_json(provider).dump_text().find("\"title\":\"Key\""), std::string::npos);
}

struct SubmitCase {
    const char *json;
    bool accepted;
};

class SubmitTest : public testing::TestWithParam<SubmitCase> {};

TEST_P(SubmitTest, FitsOrIsRefusedWithoutTheValue) {
    CredentialSchema schema{{"api_key", "note"}, {"api_key"}};
    auto got = read_credentials(schema, parse(GetParam().json));
    EXPECT_EQ(got.has_value(), GetParam().accepted) << GetParam().json;
    if (!got) {
        EXPECT_EQ((got.error().message + got.error().detail).find("canary"), std::string::npos);
    }
}

INSTANTIATE_TEST_SUITE_P(Bodies, SubmitTest,
                         testing::Values(SubmitCase{R"({"api_key":"canary"})", true},
                                         SubmitCase{R"({"api_key":"canary","note":"n"})", true},
                                         SubmitCase{R"({"api_key":"canary","note":""})", true},
                                         SubmitCase{"{}", false}, SubmitCase{R"({"api_key":""})", false},
                                         SubmitCase{R"({"note":"canary"})", false},
                                         SubmitCase{R"({"api_key":"canary","access_token":"canary"})", false},
                                         SubmitCase{R"({"api_key":["canary"]})", false},
                                         SubmitCase{R"({"api_key":5})", false},
                                         SubmitCase{R"({"api_key":"canary\r\nX: y"})", false},
                                         SubmitCase{R"({"api_key":null})", false}));

class BadSchemaTest : public testing::TestWithParam<const char *> {};

TEST_P(BadSchemaTest, IsRefused) {
    EXPECT_FALSE(check_credential_schema(parse(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Schemas, BadSchemaTest,
                         testing::Values("{}", R"({"properties":{}})",
                                         R"({"type":"array","properties":{"a":{}}})",
                                         R"({"properties":{"a":{"type":"object"}}})",
                                         R"({"properties":{"a":1}})",
                                         R"({"properties":{"a":{}},"required":["b"]})",
                                         R"({"properties":{"a":{}},"required":"a"})"));

}  // namespace
}  // namespace nexus::control
