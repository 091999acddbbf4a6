// What a person may type in.
#include "control_plane/services/credentials/credential_schema.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

json::Value parse(const std::string &text) {
    return std::move(*json::parse_object(text));
}

TEST(CredentialSchema, IsImpliedByTheStrategy) {
    store::Provider provider;
    provider.auth_type = "basic_auth";
    CredentialSchema basic = credential_schema_of(provider);
    ASSERT_EQ(basic.fields.size(), 2u);
    EXPECT_TRUE(basic.find("username")->is_required && basic.find("password")->is_required);
    EXPECT_TRUE(!basic.find("username")->is_secret && basic.find("password")->is_secret);
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
    ASSERT_EQ(schema.fields.size(), 2u);
    EXPECT_EQ(schema.fields[0].name, "api_key");
    EXPECT_EQ(schema.fields[0].title, "Key");
    EXPECT_TRUE(schema.fields[0].is_required && schema.fields[0].is_secret);
    EXPECT_FALSE(schema.fields[1].is_required || schema.fields[1].is_secret);
    EXPECT_NE(credential_schema_json(provider).dump_text().find("\"title\":\"Key\""), std::string::npos);
}

struct ValueCase {
    const char *property;  // JSON Schema
    std::string value;
    bool fits;
};

class ValueTest : public testing::TestWithParam<ValueCase> {};

TEST_P(ValueTest, MeansWhatJsonSchemaSays) {
    store::Provider provider;
    provider.auth_type = "api_key";
    provider.params = std::string{R"({"credential_schema":{"type":"object","properties":{"api_key":)"} +
                      GetParam().property + R"(},"required":["api_key"]}})";
    ASSERT_TRUE(check_credential_schema(parse(provider.params).get("credential_schema")));
    CredentialSchema schema = credential_schema_of(provider);
    std::optional<std::string> problem = problem_with(schema.fields.front(), GetParam().value);
    EXPECT_EQ(!problem, GetParam().fits) << GetParam().property << " " << problem.value_or("");
}

INSTANTIATE_TEST_SUITE_P(
    Keywords, ValueTest,
    testing::Values(
        ValueCase{"{}", "", false}, ValueCase{"{}", "x", true}, ValueCase{"{}", "a\nb", false},
        ValueCase{"{}", "a\tb", false}, ValueCase{"{}", "a\x7f", false},
        ValueCase{"{}", std::string(8193, 'a'), false}, ValueCase{R"({"minLength":3})", "äö", false},
        ValueCase{R"({"minLength":3})", "äöü", true}, ValueCase{R"({"maxLength":3})", "äöü", true},
        ValueCase{R"({"maxLength":3})", "abcd", false}, ValueCase{R"({"enum":["a","b"]})", "b", true},
        ValueCase{R"({"enum":["a","b"]})", "c", false},
        ValueCase{R"({"pattern":"b+"})", "abbc", true},  // found anywhere
        ValueCase{R"({"pattern":"^b+$"})", "abbc", false},
        ValueCase{R"({"pattern":"^\\d{2,4}$"})", "123", true},
        ValueCase{R"({"pattern":"^(a+)+$"})", std::string(8000, 'a') + "!", false}));

TEST(CredentialSchema, WhatTheStrategyUsesIsSecretUnlessToldOtherwise) {
    store::Provider provider;
    provider.auth_type = "api_key";
    provider.params =
        R"({"credential_schema":{"properties":{"api_key":{"writeOnly":false},"pin":{"format":"password"}}}})";
    CredentialSchema schema = credential_schema_of(provider);
    EXPECT_FALSE(schema.find("api_key")->is_secret);
    EXPECT_TRUE(schema.find("pin")->is_secret);
}

struct SubmitCase {
    const char *json;
    bool accepted;
};

class SubmitTest : public testing::TestWithParam<SubmitCase> {};

TEST_P(SubmitTest, FitsOrIsRefusedWithoutTheValue) {
    CredentialSchema schema;
    schema.fields.resize(2);
    schema.fields[0].name = "api_key";
    schema.fields[0].is_required = true;
    schema.fields[1].name = "note";
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

INSTANTIATE_TEST_SUITE_P(
    Schemas, BadSchemaTest,
    testing::Values("{}", R"({"properties":{}})", R"({"type":"array","properties":{"a":{}}})",
                    R"({"properties":{"a":{"type":"object"}}})", R"({"properties":{"a":1}})",
                    R"({"properties":{"a":{}},"required":["b"]})",
                    R"({"properties":{"a":{}},"required":"a"})", R"({"properties":{"_state":{}}})",
                    R"({"properties":{"":{}}})", R"({"properties":{"a":{"enum":[]}}})",
                    R"({"properties":{"a":{"enum":[1]}}})", R"({"properties":{"a":{"title":1}}})",
                    R"({"properties":{"a":{"minLength":-1}}})", R"({"properties":{"a":{"maxLength":9000}}})",
                    R"({"properties":{"a":{"writeOnly":"yes"}}})", R"({"properties":{"a":{"const":"x"}}})",
                    R"({"oneOf":[],"properties":{"a":{}}})", R"({"properties":{"a":{"pattern":"("}}})",
                    R"j({"properties":{"a":{"pattern":"(?=x)"}}})j",
                    R"j({"properties":{"a":{"pattern":"(a)\\1"}}})j",
                    R"({"properties":{"a":{"pattern":"((a{1000}){1000}){1000}"}}})"));

}  // namespace
}  // namespace nexus::control
