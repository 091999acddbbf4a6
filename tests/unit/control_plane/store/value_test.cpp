#include "control_plane/store/value.h"

#include <gtest/gtest.h>

namespace nexus::control::store {
namespace {

TEST(RowReader, ReadsInOrder) {
    const Row row{int64_t{7}, std::string("t"), Bytes{"b"}, Value{}, list({"x", "y"})};
    RowReader in(row);
    EXPECT_EQ(in.integer(), 7);
    EXPECT_EQ(in.text(), "t");
    EXPECT_EQ(in.bytes(), "b");
    EXPECT_EQ(in.bytes_or_empty(), "");
    EXPECT_EQ(in.list(), (std::vector<std::string>{"x", "y"}));
    EXPECT_TRUE(in.finish());
}

TEST(RowReader, AWrongTypeSticks) {
    const Row rows[] = {{std::string("7")}, {Value{}}, {Bytes{"7"}}, {}, {int64_t{1}, int64_t{2}}};
    for (const Row &row : rows) {
        RowReader in(row);
        in.integer();
        const Result<void> read = in.finish();
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().errc, Errc::kStoreUnavailable);
    }
}

TEST(RowReader, ListsComeBackWhateverTheirTexts) {
    for (const std::vector<std::string> &texts : {std::vector<std::string>{},
                                                  {""},
                                                  {"openid", "offline_access", "api:read"},
                                                  {"a\"b", "c\\d", "e,f", "]", "[\"x\"]"},
                                                  {"line\nbreak", "\xc3\xa9", "\x7f"}}) {
        const Row row{list(texts)};
        RowReader in(row);
        EXPECT_EQ(in.list(), texts);
        EXPECT_TRUE(in.finish());
    }
    const Row spaced{std::string(R"( [ "a" , "b\u0041" ] )")};
    RowReader in(spaced);
    EXPECT_EQ(in.list(), (std::vector<std::string>{"a", "bA"}));
}

TEST(RowReader, AListIsAnArrayOfStrings) {
    for (const char *text : {"", "{}", "[1]", "[null]", "[\"a\"", "\"a\"", "[", "[\"", "[\"a\",]", "[\"a\"]]",
                             "[\"a\"],", "[\"a\" \"b\"]"}) {
        const Row row{std::string(text)};
        RowReader in(row);
        in.list();
        EXPECT_FALSE(in.finish()) << text;
    }
}

}  // namespace
}  // namespace nexus::control::store
