#include "shared/http1/syntax.h"

#include <gtest/gtest.h>
#include <string>

namespace nexus::http1 {
namespace {

TEST(FieldValue, EveryByteAtEveryPlaceInAWord) {
    for (int byte = 0; byte < 256; ++byte) {
        const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        for (size_t size = 1; size <= 35; ++size) {
            for (size_t at = 0; at < size; ++at) {
                for (const char other : {'a', '\xff', '~', ' ', '\t'}) {
                    std::string text(size, other);
                    text[at] = static_cast<char>(byte);
                    ASSERT_EQ(is_field_value(text), !control) << byte << " at " << at << " of " << size;
                }
            }
        }
    }
    EXPECT_TRUE(is_field_value(""));
}

TEST(Token, IsWhatRfc9110Lists) {
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool visible = byte > 0x20 && byte < 0x7f;
        const bool delimiter = std::string_view{"\"(),/:;<=>?@[\\]{}"}.find(c) != std::string_view::npos;
        EXPECT_EQ(is_token({&c, 1}), visible && !delimiter) << byte;
    }
    EXPECT_FALSE(is_token(""));
    EXPECT_FALSE(is_token("a b"));
}

TEST(EqualIgnoringCase, FoldsAsciiLettersOnly) {
    EXPECT_TRUE(equal_ignoring_case("AZaz-9", "azAZ-9"));
    EXPECT_FALSE(equal_ignoring_case("a", "ab"));
    EXPECT_FALSE(equal_ignoring_case("[", "{"));
    EXPECT_FALSE(equal_ignoring_case("@", "`"));
}

// Every pair of bytes, at every place of a text as long as words are and longer.
TEST(EqualIgnoringCase, AtEveryPlace) {
    const auto expected = [](int x, int y) {
        const auto lower = [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
        return lower(x) == lower(y);
    };
    for (int x = 0; x < 256; ++x) {
        for (int y = 0; y < 256; ++y) {
            for (const size_t size : {1u, 8u, 11u}) {
                const size_t place = static_cast<size_t>(x + y) % size;
                std::string a(size, 'M'), b(size, 'm');
                a[place] = static_cast<char>(x);
                b[place] = static_cast<char>(y);
                ASSERT_EQ(equal_ignoring_case(a, b), expected(x, y)) << x << " " << y << " " << size;
            }
        }
    }
}

}  // namespace
}  // namespace nexus::http1
