#include "shared/secret.h"

#include <gtest/gtest.h>
#include <iostream>
#include <type_traits>

namespace nexus {
namespace {

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string_view> &&
              !std::is_convertible_v<std::string, Secret>);

template <typename T>
concept Printable = requires(std::ostream &out, const T &value) {
    out << value;
};
static_assert(!Printable<Secret>);

TEST(Secret, TakesAStringAndWipesIt) {
    std::string source(64, 'x');
    const char *bytes = source.data();
    const Secret secret{std::move(source)};
    EXPECT_EQ(secret.view(), std::string(64, 'x'));
    EXPECT_TRUE(source.empty());
    EXPECT_EQ(std::string_view(bytes, 64), std::string(64, '\0'));  // still the string's own buffer
}

TEST(Secret, MoveLeavesNothingBehind) {
    Secret first{std::string_view{"one"}};
    Secret second = std::move(first);
    EXPECT_TRUE(first.empty());
    EXPECT_EQ(second.view(), "one");

    Secret third{std::string_view{"another"}};
    third = std::move(second);
    EXPECT_EQ(third.view(), "one");
    EXPECT_TRUE(second.empty());
}

TEST(Secret, CloneIsIndependent) {
    Secret first{std::string_view{"one"}};
    const Secret second = first.clone();
    first.wipe();
    EXPECT_TRUE(first.empty());
    EXPECT_EQ(second.view(), "one");
}

TEST(Secret, ZeroedAndTruncated) {
    Secret secret = Secret::zeroed(4);
    EXPECT_EQ(secret.view(), std::string(4, '\0'));
    secret.data()[0] = 'a';
    secret.data()[3] = 'd';
    char *bytes = secret.data();
    secret.truncate(1);
    EXPECT_EQ(secret.view(), "a");
    EXPECT_EQ(bytes[0], 'a');
    secret.truncate(9);
    EXPECT_EQ(secret.size(), 1u);
}

TEST(Wipe, ClearsWhatAShorterValueLeftBehind) {
    std::string text(100, 's');
    text.resize(50);
    const char *bytes = text.data();
    wipe(text);
    EXPECT_TRUE(text.empty());
    EXPECT_EQ(std::string_view(bytes, 100).find('s'), std::string_view::npos);
}

TEST(ConstantTimeEqual, ComparesLengthAndBytes) {
    EXPECT_TRUE(constant_time_equal("", ""));
    EXPECT_TRUE(constant_time_equal("abc", "abc"));
    EXPECT_FALSE(constant_time_equal("abc", "abd"));
    EXPECT_FALSE(constant_time_equal("abc", "abcd"));
    EXPECT_FALSE(constant_time_equal(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

}  // namespace
}  // namespace nexus
