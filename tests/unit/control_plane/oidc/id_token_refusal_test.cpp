// Every id_token of the table is refused for its own reason, and for nothing else.
#include "control_plane/oidc/id_token_refusal.h"

#include <gtest/gtest.h>

#include <iostream>
#include <iterator>
#include <set>

#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

// For GoogleTest, which finds it by its argument.
void PrintTo(const RefusalCase &one, std::ostream *out);
void PrintTo(const RefusalCase &one, std::ostream *out) {
    *out << one.name;
}

namespace {

using jose::JwkSet;

const RefusalCases &all_cases() {
    static const RefusalCases all = [] {
        RefusalCases out;
        for (const auto &make : {form_cases, header_cases, key_cases, signature_cases, payload_cases,
                                 claims_cases, times_cases, provider_cases}) {
            RefusalCases some = make();
            std::move(some.begin(), some.end(), std::back_inserter(out));
        }
        return out;
    }();
    return all;
}

class IdTokenRefusalTest : public testing::TestWithParam<RefusalCase> {};

TEST_P(IdTokenRefusalTest, IsRefused) {
    const RefusalCase &one = GetParam();
    const Result<JwkSet> keys = JwkSet::parse(one.keys.empty() ? provider_keys().set() : one.keys);
    ASSERT_TRUE(keys);
    IdTokenExpectation expected = expectation();
    if (one.adjust) {
        one.adjust(expected);
    }
    const Result<control::IdClaims> got = control::verify_id_token(one.token, *keys, expected);
    ASSERT_FALSE(got) << "it was accepted";
    EXPECT_EQ(got.error().errc, Errc::kInvalidIdToken);
    EXPECT_EQ(control::refusal_code(got.error()), to_string(one.reason));
    EXPECT_EQ(got.error().message, refused(one.reason).value().message) << "nothing of the token is in it";
}

INSTANTIATE_TEST_SUITE_P(Table, IdTokenRefusalTest, testing::ValuesIn(all_cases()),
                         [](const auto &one) { return one.param.name; });

// The same cases are no use if a good token is refused too.
TEST(IdTokenRefusals, TheTokenThatTheyAreMadeOfIsGood) {
    const Result<JwkSet> keys = JwkSet::parse(provider_keys().set());
    for (const auto &algorithm : jose::signature_algorithms()) {
        const auto got = control::verify_id_token(token_of(Claims(), algorithm.name), *keys, expectation());
        ASSERT_TRUE(got) << algorithm.name << ": " << got.error().message;
        EXPECT_EQ(got->subject, "alice");
    }
}

TEST(IdTokenRefusals, AreManyAndDistinct) {
    std::set<std::string> names;
    std::set<std::string> inputs;
    std::set<IdTokenRefusal> reasons{IdTokenRefusal::kMissing,
                                     IdTokenRefusal::kKeysUnavailable};  // the verifier's
    for (const RefusalCase &one : all_cases()) {
        EXPECT_TRUE(names.insert(one.name).second) << one.name;
        inputs.insert(one.token + "|" + one.keys + (one.adjust ? one.name : ""));
        reasons.insert(one.reason);
    }
    EXPECT_EQ(inputs.size(), all_cases().size());
    EXPECT_GE(all_cases().size(), 150u);
    std::cout << "id_token refusals: " << all_cases().size() << " cases, " << reasons.size() << " reasons\n";
    RecordProperty("cases", static_cast<int>(all_cases().size()));
    for (const IdTokenRefusal reason : control::id_token_refusals()) {
        EXPECT_TRUE(reasons.contains(reason)) << to_string(reason) << " has no case";
    }
}

TEST(IdTokenRefusals, CodesAreDistinct) {
    std::set<std::string_view> codes;
    for (const IdTokenRefusal reason : control::id_token_refusals()) {
        EXPECT_TRUE(codes.insert(to_string(reason)).second);
        EXPECT_EQ(to_string(reason).find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789"),
                  std::string_view::npos);
    }
    EXPECT_EQ(control::refusal_code(Error{}), "internal");
}

}  // namespace
}  // namespace nexus::test
