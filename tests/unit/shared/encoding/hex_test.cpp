#include "shared/encoding/hex.h"

#include <gtest/gtest.h>

#include "shared/encoding/lower_case.h"

namespace nexus::encoding {
namespace {

TEST(Hex, BothWays) {
    EXPECT_EQ(hex_encode(std::string_view("\x00\x0f\xa5\xff", 4)), "000fa5ff");
    EXPECT_EQ(hex_decode("000FA5ff").value(), std::string("\x00\x0f\xa5\xff", 4));
    EXPECT_EQ(hex_decode("").value(), "");
}

// Eight bytes at once and what is left: every byte, at every place of either.
TEST(Hex, EveryByteAtEveryPlace) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (int byte = 0; byte < 256; ++byte) {
        for (size_t place = 0; place < 11; ++place) {
            std::string bytes(11, '\x5e');
            bytes[place] = static_cast<char>(byte);
            std::string expected;
            for (size_t i = 0; i < bytes.size(); ++i) {
                expected += "5e";
            }
            expected[2 * place] = kDigits[static_cast<size_t>(byte) / 16];
            expected[2 * place + 1] = kDigits[static_cast<size_t>(byte) % 16];
            ASSERT_EQ(hex_encode(bytes), expected);
            ASSERT_EQ(hex_decode(expected).value(), bytes);
        }
    }
}

TEST(Hex, RefusesOddLengthAndOtherDigits) {
    for (const char *text : {"0", "000", "0g", "0x", " 0", "0 "}) {
        EXPECT_FALSE(hex_decode(text)) << text;
    }
}

TEST(Uuid, IsTheOneTextForm) {
    EXPECT_TRUE(is_uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));  // RFC 9562 section 4
    EXPECT_TRUE(is_uuid("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"));
    for (const char *text :
         {"", "f81d4fae7dec11d0a76500a0c91e6bf6", "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
          "f81d4fae-7dec-11d0-a765-00a0c91e6bf", "f81d4fae-7dec-11d0-a765-00a0c91e6bf60",
          "g81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a76-500a0c91e6bf6",
          "f81d4fae_7dec_11d0_a765_00a0c91e6bf6", "../../../../../../../../../etc/passwd"}) {
        EXPECT_FALSE(is_uuid(text)) << text;
    }
}

TEST(Lower, TouchesAsciiOnly) {
    EXPECT_EQ(to_lower_ascii("AZaz09@[\xc4"), "azaz09@[\xc4");
}

TEST(LowerCase, ChangesAsciiLettersOnly) {
    for (int byte = 0; byte < 256; ++byte) {
        const bool is_upper = byte >= 'A' && byte <= 'Z';
        for (size_t place = 0; place < 11; ++place) {
            std::string text(11, 'M'), expected(11, 'm');
            text[place] = static_cast<char>(byte);
            expected[place] = static_cast<char>(is_upper ? byte + 32 : byte);
            to_lower_case(text);
            ASSERT_EQ(text, expected) << byte;
        }
    }
}

}  // namespace
}  // namespace nexus::encoding
