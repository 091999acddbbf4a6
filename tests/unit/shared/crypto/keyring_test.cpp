#include "shared/crypto/keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/crypto/digest.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::crypto {
namespace {

using testing::HasSubstr;
using testing::Not;
using tests::key_text;

Result<Keyring> parse(std::string_view current, std::string_view previous = "") {
    return Keyring::from_base64({"ENCRYPTION_KEY", Secret{current}},
                                {"ENCRYPTION_KEYS_PREVIOUS", Secret{previous}});
}

TEST(Keyring, SealsAndOpens) {
    const Keyring keyring = tests::keyring(key_text('a'));
    const std::string box = keyring.seal("secret text", "table/row/field").value();
    EXPECT_EQ(box.size(), 1 + 8 + 24 + 11 + 16u);
    EXPECT_EQ(box.find("secret"), std::string::npos);
    EXPECT_EQ(keyring.open(box, "table/row/field").value().view(), "secret text");
    EXPECT_NE(keyring.seal("secret text", "table/row/field").value(), box) << "the nonce must differ";
}

TEST(Keyring, RefusesAMovedBox) {
    const Keyring keyring = tests::keyring(key_text('a'));
    const std::string box = keyring.seal("secret text", "row 1").value();
    EXPECT_EQ(keyring.open(box, "row 2").error().errc, Errc::kSealBroken);
}

TEST(Keyring, RefusesEveryChangedByteAndLength) {
    const Keyring keyring = tests::keyring(key_text('a'));
    const std::string box = keyring.seal("x", "").value();
    for (size_t i = 0; i < box.size(); ++i) {
        std::string changed = box;
        changed[i] = static_cast<char>(changed[i] ^ 0x40);
        EXPECT_FALSE(keyring.open(changed, "")) << i;
        EXPECT_FALSE(keyring.open(std::string_view{box}.substr(0, i), "")) << i;
    }
}

TEST(Keyring, OldKeysOpenAndTheCurrentOneSeals) {
    const Keyring old = tests::keyring(key_text('a'));
    const Keyring rotated = tests::keyring(key_text('b'), key_text('a'));
    EXPECT_EQ(rotated.open(old.seal("text", "ad").value(), "ad").value().view(), "text");
    EXPECT_EQ(old.open(rotated.seal("text", "ad").value(), "ad").error().errc, Errc::kUnknownKey);
    EXPECT_EQ(rotated.entries().size(), 2u);
    EXPECT_EQ(rotated.find(old.current().id), &rotated.entries()[1]);
}

TEST(Keyring, TheKeyIdIsAnHmacOfTheKey) {
    const Sha256 mac = hmac_sha256(std::string(32, 'a'), "nexus key id v1");
    const Keyring keyring = tests::keyring(key_text('a'));
    EXPECT_TRUE(std::equal(keyring.current().id.begin(), keyring.current().id.end(), mac.begin()));
    EXPECT_EQ(to_hex(keyring.current().id).size(), 16u);
}

TEST(Keyring, ForgivesWhiteSpaceAroundKeys) {
    EXPECT_TRUE(parse(key_text('a') + "\n"));
    EXPECT_TRUE(parse(" \t" + key_text('a') + "\r\n"));
    const Result<Keyring> several = parse(key_text('a'), key_text('b') + ",\n " + key_text('c') + "\n\n");
    EXPECT_EQ(several.value().entries().size(), 3u);
}

struct BadKey {
    const char *name;
    std::string text;
    const char *says;
};

class KeyringRefuses : public testing::TestWithParam<BadKey> {};

TEST_P(KeyringRefuses, WithASentenceThatHelpsAndTellsNothing) {
    const Result<Keyring> keyring = parse(GetParam().text);
    ASSERT_FALSE(keyring);
    EXPECT_EQ(keyring.error().errc, Errc::kInvalidKey);
    EXPECT_EQ(keyring.error().message, std::string{"ENCRYPTION_KEY must be base64 of exactly 32 bytes ("} +
                                           GetParam().says + "); make one with: openssl rand -base64 32");
    if (!GetParam().text.empty()) {
        EXPECT_THAT(keyring.error().message + keyring.error().detail, Not(HasSubstr(GetParam().text)));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Keys, KeyringRefuses,
    testing::Values(BadKey{"Empty", "", "it is empty"}, BadKey{"Blank", " \n", "it is empty"},
                    BadKey{"Short", encoding::base64_encode(std::string(16, 'k')), "got 16"},
                    BadKey{"Long", encoding::base64_encode(std::string(33, 'k')), "got 33"},
                    BadKey{"Hex", std::string(62, 'a') + "gg", "got 48"},
                    BadKey{"NotBase64", "correct horse battery staple", "got something that is not base64"},
                    BadKey{"Unpadded", std::string(43, 'A'), "got something that is not base64"},
                    BadKey{"Two", key_text('a') + "," + key_text('b'), "got something that is not base64"}),
    [](const auto &test) { return std::string{test.param.name}; });

TEST(Keyring, RefusesTheSameKeyTwice) {
    for (const std::string &previous : {key_text('a'), key_text('b') + "," + key_text('b')}) {
        const Result<Keyring> keyring = parse(key_text('a'), previous);
        ASSERT_FALSE(keyring);
        EXPECT_THAT(keyring.error().message, HasSubstr(") is given twice"));
        EXPECT_THAT(keyring.error().message, Not(HasSubstr(key_text('a'))));
    }
}

TEST(Keyring, NamesTheBrokenPreviousKey) {
    const Result<Keyring> keyring = parse(key_text('a'), key_text('b') + ",nonsense");
    ASSERT_FALSE(keyring);
    EXPECT_THAT(keyring.error().message,
                testing::StartsWith("ENCRYPTION_KEYS_PREVIOUS (key 2) must be base64"));
}

TEST(Keyring, BoundsTheNumberOfPreviousKeys) {
    std::string previous;
    for (char c = 'b'; c < 'b' + 16; ++c) {
        previous += key_text(c) + ",";
    }
    EXPECT_TRUE(parse(key_text('a'), previous));
    EXPECT_FALSE(parse(key_text('a'), previous + key_text('z')));
}

}  // namespace
}  // namespace nexus::crypto
