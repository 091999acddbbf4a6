#include "ngx_module/caller/verified_tokens.h"

#include <gtest/gtest.h>

namespace nexus::edge {
namespace {

VerifiedToken token(std::string_view text, int64_t expires_at_s) {
    VerifiedToken out;
    out.token_sha256 = crypto::sha256(text);
    out.expires_at_s = expires_at_s;
    out.workspace_id = text;
    return out;
}

TEST(VerifiedTokens, KnowWhatWasRememberedUntilItEnds) {
    VerifiedTokens tokens;
    const crypto::Sha256 digest = crypto::sha256("a");
    EXPECT_EQ(tokens.find(digest, 0), nullptr);
    tokens.remember(token("a", 100));
    ASSERT_NE(tokens.find(digest, 99), nullptr);
    EXPECT_EQ(tokens.find(digest, 99)->workspace_id, "a");
    EXPECT_EQ(tokens.find(digest, 100), nullptr);
    EXPECT_EQ(tokens.find(crypto::sha256("b"), 99), nullptr);
}

TEST(VerifiedTokens, OneOnTheSameSlotTakesThePlace) {
    VerifiedTokens tokens;
    VerifiedToken first = token("a", 100);
    VerifiedToken second = first;
    second.token_sha256[31] ^= 1;
    second.workspace_id = "b";
    const crypto::Sha256 first_digest = first.token_sha256;
    const crypto::Sha256 second_digest = second.token_sha256;
    tokens.remember(std::move(first));
    tokens.remember(std::move(second));
    EXPECT_EQ(tokens.find(first_digest, 0), nullptr);
    EXPECT_EQ(tokens.find(second_digest, 0)->workspace_id, "b");
}

}  // namespace
}  // namespace nexus::edge
