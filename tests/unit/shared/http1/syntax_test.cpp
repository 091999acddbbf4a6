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

}  // namespace
}  // namespace nexus::http1
