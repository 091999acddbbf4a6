#include "shared/encoding/utf8.h"

#include <gtest/gtest.h>

namespace nexus::encoding {
namespace {

struct Utf8Case {
    const char *name;
    std::string text;
    bool is_utf8;
};

class Utf8Test : public testing::TestWithParam<Utf8Case> {};

TEST_P(Utf8Test, IsJudged) {
    EXPECT_EQ(is_utf8(GetParam().text), GetParam().is_utf8);
    EXPECT_EQ(to_utf8(GetParam().text) == GetParam().text, GetParam().is_utf8);
    EXPECT_TRUE(is_utf8(to_utf8(GetParam().text)));
}

// Well-formed and ill-formed sequences: The Unicode Standard, table 3-7 and section 3.9.
INSTANTIATE_TEST_SUITE_P(
    Unicode, Utf8Test,
    testing::Values(Utf8Case{"Empty", "", true}, Utf8Case{"Ascii", "plain", true},
                    Utf8Case{"Mixed", "M\xC3\xBCller \xE2\x82\xAC \xF0\x9F\x94\x91", true},
                    Utf8Case{"LastOfAll", "\xF4\x8F\xBF\xBF", true},
                    Utf8Case{"ByteThatNeverOccurs", "a\xFF", false},
                    Utf8Case{"LoneContinuation", "\x80", false}, Utf8Case{"CutOff", "\xE2\x82", false},
                    Utf8Case{"NoContinuation", "\xC3(", false}, Utf8Case{"OverlongSlash", "\xC0\xAF", false},
                    Utf8Case{"OverlongOfThree", "\xE0\x9F\xBF", false},
                    Utf8Case{"OverlongOfFour", "\xF0\x8F\xBF\xBF", false},
                    Utf8Case{"Surrogate", "\xED\xA0\x80", false},
                    Utf8Case{"BeyondUnicode", "\xF4\x90\x80\x80", false}),
    [](const auto &test) { return std::string{test.param.name}; });

TEST(Utf8ReplacementTest, EachBadByteOnce) {
    EXPECT_EQ(to_utf8("a\xC0\xAF"
                      "b"),
              "a\xEF\xBF\xBD\xEF\xBF\xBD"
              "b");
}

}  // namespace
}  // namespace nexus::encoding
