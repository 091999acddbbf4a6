#include "shared/crypto/secret_tag.h"

#include <gtest/gtest.h>
#include <set>
#include <string>

namespace nexus::crypto {
namespace {

TEST(SecretTag, IsOfTheTextAndTheTagger) {
    const SecretTagger one, other;
    EXPECT_EQ(one.tag("secret"), one.tag(std::string("secret")));
    EXPECT_NE(one.tag("secret"), other.tag("secret"));
    EXPECT_NE(one.tag("secret").low, one.tag("secret").high);
}

TEST(SecretTag, TellsTextsApart) {
    const SecretTagger tagger;
    std::set<std::pair<uint64_t, uint64_t>> seen;
    std::string text;
    for (int i = 0; i < 1000; ++i) {
        const SecretTag tag = tagger.tag(text);
        EXPECT_TRUE(seen.emplace(tag.low, tag.high).second) << text.size();
        text += '\0';
    }
}

}  // namespace
}  // namespace nexus::crypto
