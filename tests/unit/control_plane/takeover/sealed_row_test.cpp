// The reference's sealed rows: a published vector of AES-256-GCM, one made by another program, and what must
// not open.
#include "control_plane/takeover/sealed_row.h"

#include <gtest/gtest.h>

#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"

namespace nexus::control::takeover {
namespace {

constexpr std::string_view kKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
// Made by node:crypto: aes-256-gcm of {"access_token":"at","refresh_token":"rt"} with kKey, nonce 00..0b.
constexpr std::string_view kRow =
    "AAECAwQFBgcICQoLPCC3eKaAsWjSNfjg1IdaV6G38xbcWS0ZXhWA9nU2dN1qdcDeleNg7FbZn3okuJ9+"
    "nlZa96SyDFPicQ==";

std::string base64_of_hex(const std::string &hex) {
    return encoding::base64_encode(*encoding::hex_decode(hex));
}

// McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 15 (256-bit key, no
// associated data).
TEST(SealedRow, OpensThePublishedVector) {
    Result<ReferenceKey> key = ReferenceKey::from_base64(
        base64_of_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
    ASSERT_TRUE(key);
    Result<Secret> plain =
        key->open(base64_of_hex("cafebabefacedbaddecaf888"
                                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                                "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
                                "b094dac5d93471bdec1a502270e3cc6c"));
    ASSERT_TRUE(plain);
    EXPECT_EQ(encoding::hex_encode(plain->view()),
              "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
              "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255");
}

TEST(SealedRow, OpensARow) {
    ReferenceKey key = *ReferenceKey::from_base64(kKey);
    EXPECT_EQ(key.open(kRow)->view(), R"({"access_token":"at","refresh_token":"rt"})");
    EXPECT_EQ(key.open(std::string{kRow} + "\n")->view().size(), 42u);
    Result<Secret> empty = key.open("AAECAwQFBgcICQoL9MLbHcOIBaN7khccXQqBzA==");
    ASSERT_TRUE(empty) << "an empty text is sealed too";
    EXPECT_TRUE(empty->empty());
}

TEST(SealedRow, EveryChangedByteIsNoticed) {
    ReferenceKey key = *ReferenceKey::from_base64(kKey);
    std::string bytes = *encoding::base64_decode(kRow);
    for (size_t i = 0; i < bytes.size(); ++i) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ 0x01);
        EXPECT_EQ(key.open(encoding::base64_encode(changed)).error().errc, Errc::kSealBroken) << i;
    }
}

TEST(SealedRow, AnotherKeyOpensNothing) {
    std::string other(32, 'k');
    EXPECT_EQ(ReferenceKey::from_base64(encoding::base64_encode(other))->open(kRow).error().errc,
              Errc::kSealBroken);
}

TEST(SealedRow, WhatIsNoRowIsRefused) {
    ReferenceKey key = *ReferenceKey::from_base64(kKey);
    std::string bytes = *encoding::base64_decode(kRow);
    for (const std::string &text : {std::string{}, std::string{"no base64!"}, std::string{"AAEC"},
                                    encoding::base64_encode(bytes.substr(0, 27))}) {
        EXPECT_EQ(key.open(text).error().errc, Errc::kMalformedRecord) << text;
    }
    EXPECT_EQ(key.open(encoding::base64_encode(bytes.substr(0, bytes.size() - 1))).error().errc,
              Errc::kSealBroken);
}

TEST(SealedRow, AKeyIsBase64OfThirtyTwoBytes) {
    for (const std::string &text :
         {std::string{}, std::string{"key"}, encoding::base64_encode(std::string(31, 'k')),
          encoding::base64_encode(std::string(33, 'k')),
          encoding::base64url_encode(std::string(32, '\xff'))}) {
        Result<ReferenceKey> key = ReferenceKey::from_base64(text);
        ASSERT_FALSE(key) << text;
        EXPECT_EQ(key.error().errc, Errc::kInvalidKey);
        EXPECT_TRUE(text.empty() || key.error().message.find(text) == std::string::npos);
    }
    EXPECT_TRUE(ReferenceKey::from_base64(std::string{kKey} + "\n"));
}

}  // namespace
}  // namespace nexus::control::takeover
