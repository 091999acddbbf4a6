// What nexusctl shows of words that others chose is text and nothing else.
#include "control_plane/cli/print.h"

#include <gtest/gtest.h>

namespace nexus::control::cli {
namespace {

TEST(Printable, TextStays) {
    for (const char *text : {"", "plain", "Zürich", "\u00a0", "東京", "\u200d", "\u2027", "\u202f", "\u2065",
                             "\u206a", "\U0001f600", "\U0010ffff", "ě (C4 9B)"}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(Printable, WhatATerminalCouldObeyIsAQuestionMark) {
    for (const char *text :
         {"\x01", "\t", "\n", "\r", "\x1b", "\x1f", "\x7f", "\xc2\x80", "\xc2\x9b", "\xc2\x9f", "\u061c",
          "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069"}) {
        EXPECT_EQ(printable(std::string{"a"} + text + "31mb"), "a?31mb");
    }
    EXPECT_EQ(printable(std::string_view{"\0", 1}), "?");
}

TEST(Printable, WhatIsNoUtf8IsAQuestionMarkForEachByte) {
    EXPECT_EQ(printable("\x9b"
                        "31m"),
              "?31m");
    EXPECT_EQ(printable("\xc2"), "?");
    EXPECT_EQ(printable("\xe2\x80z"), "??z");
    EXPECT_EQ(printable("\xc0\x9b"), "??") << "overlong";
}

TEST(PrintTable, ColumnsStandUnderEachOtherWhereSomethingWasReplaced) {
    testing::internal::CaptureStdout();
    print_table({"A", "B"}, {{"x\xc2\x9by", "1"}, {"xyz", "\x1b[31m"}});
    print_member("name", "a\nb", 6);
    EXPECT_EQ(testing::internal::GetCapturedStdout(),
              "A    B\n"
              "x?y  1\n"
              "xyz  ?[31m\n"
              "name   a?b\n");
}

}  // namespace
}  // namespace nexus::control::cli
