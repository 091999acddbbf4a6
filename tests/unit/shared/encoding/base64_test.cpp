#include "shared/encoding/base64.h"

#include <gtest/gtest.h>

namespace nexus::encoding {
namespace {

struct Vector {
    const char *bytes;
    const char *text;
};

class Base64 : public testing::TestWithParam<Vector> {};

TEST_P(Base64, BothWays) {
    EXPECT_EQ(base64_encode(GetParam().bytes), GetParam().text);
    EXPECT_EQ(base64_decode(GetParam().text).value(), GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(Rfc4648Section10, Base64,
                         testing::Values(Vector{"", ""}, Vector{"f", "Zg=="}, Vector{"fo", "Zm8="},
                                         Vector{"foo", "Zm9v"}, Vector{"foob", "Zm9vYg=="},
                                         Vector{"fooba", "Zm9vYmE="}, Vector{"foobar", "Zm9vYmFy"}));

TEST(Base64, EveryByteValueSurvives) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes.push_back(static_cast<char>(i));
        EXPECT_EQ(base64_decode(base64_encode(bytes)).value(), bytes);
        EXPECT_EQ(base64url_decode(base64url_encode(bytes)).value(), bytes);
    }
}

class NotBase64 : public testing::TestWithParam<const char *> {};

TEST_P(NotBase64, IsRefused) {
    const Result<std::string> got = base64_decode(GetParam());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kInvalidRequest);
}

INSTANTIATE_TEST_SUITE_P(Strict, NotBase64,
                         testing::Values("Zg", "Zg=", "Zg===", "Z", "=", "==", "====", "Zm9v\n", " Zm9",
                                         "Zm 9", "Zg=a", "Zm=v", "Z===", "Zm9-", "Zm9_",
                                         "Zh==", "Zm9=", "Zm8=Zm8=", "Zm9\x80"));

TEST(Base64, RefusesNul) {
    EXPECT_FALSE(base64_decode(std::string_view("Zm9\0", 4)));
}

TEST(Base64Url, UsesTheSafeAlphabetWithoutPadding) {
    EXPECT_EQ(base64url_encode("\xfb\xff\xfe"), "-__-");
    EXPECT_EQ(base64url_encode("f"), "Zg");
    EXPECT_EQ(base64url_decode("-__-").value(), "\xfb\xff\xfe");
}

TEST(Base64Url, RefusesPaddingAndTheStandardAlphabet) {
    for (const char *text : {"Zg==", "Zm8=", "+/+/", "Zm9v\n", "Z", "Zh"}) {
        EXPECT_FALSE(base64url_decode(text)) << text;
    }
}

}  // namespace
}  // namespace nexus::encoding
