// PKCE against RFC 7636.
#include "control_plane/oauth/pkce.h"

#include <gtest/gtest.h>

#include <optional>

namespace nexus::control {
namespace {

struct ChallengeCase {
    const char *name;
    std::string verifier;
    std::optional<std::string> challenge;
};

class PkceS256Test : public testing::TestWithParam<ChallengeCase> {};

TEST_P(PkceS256Test, DerivesChallenge) {
    Result<std::string> got = pkce_s256_challenge(GetParam().verifier);
    ASSERT_EQ(bool(got), GetParam().challenge.has_value());
    EXPECT_EQ(got ? *got : "", GetParam().challenge.value_or(""));
}

INSTANTIATE_TEST_SUITE_P(Rfc7636, PkceS256Test,
                         testing::Values(ChallengeCase{"AppendixB",
                                                       "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                                                       "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
                                         ChallengeCase{"TooShort", std::string(42, 'a'), std::nullopt},
                                         ChallengeCase{"TooLong", std::string(129, 'a'), std::nullopt},
                                         ChallengeCase{"Plus", std::string(43, '+'), std::nullopt},
                                         ChallengeCase{"Empty", "", std::nullopt}),
                         [](const auto &the_case) { return std::string{the_case.param.name}; });

TEST(CodeVerifier, IsFreshAndWellFormed) {
    Secret first = new_code_verifier();
    EXPECT_EQ(first.size(), 43u);
    EXPECT_TRUE(is_code_verifier(first.view()));
    EXPECT_NE(first.view(), new_code_verifier().view());
}

}  // namespace
}  // namespace nexus::control
