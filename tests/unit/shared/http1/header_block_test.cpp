#include "shared/http1/header_block.h"

#include <gtest/gtest.h>
#include <vector>

namespace nexus::http1 {
namespace {

constexpr std::string_view kBlock =
    "GET /a/b?x=1&y=%20+z HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "authorization: caller's own\r\n"
    "X-Empty:\r\n"
    "AUTHORIZATION: and again\r\n"
    "Accept: */*\r\n"
    "\r\n";

Result<std::string> edited(std::string_view block, const BlockEdit &edit) {
    std::string out(edited_size_bound(block, edit), '\0');
    return edit_block(block, edit, out).map([&](size_t size) { return out.substr(0, size); });
}

TEST(EditBlock, NothingToDoChangesNothing) {
    EXPECT_EQ(edited(kBlock, {}).value(), kBlock);
}

TEST(EditBlock, SetsAfterRemovingEveryLineOfThatName) {
    const std::vector<HeaderLine> set = {{"Authorization", "Bearer at"}};
    EXPECT_EQ(edited(kBlock, {.set = set, .remove = {}, .query = {}, .query_name = {}}).value(),
              "GET /a/b?x=1&y=%20+z HTTP/1.1\r\n"
              "Host: api.example.com\r\n"
              "X-Empty:\r\n"
              "Accept: */*\r\n"
              "Authorization: Bearer at\r\n"
              "\r\n");
}

TEST(EditBlock, RemovesNamesOfAnyCaseAndNoLongerOnes) {
    const std::vector<std::string_view> remove = {"ACCEPT", "author", "x-empty"};
    EXPECT_EQ(edited(kBlock, {.set = {}, .remove = remove, .query = {}, .query_name = {}}).value(),
              "GET /a/b?x=1&y=%20+z HTTP/1.1\r\n"
              "Host: api.example.com\r\n"
              "authorization: caller's own\r\n"
              "AUTHORIZATION: and again\r\n"
              "\r\n");
}

TEST(EditBlock, KeepsTheBodyBehindTheHead) {
    const std::string body("a\nb\r\n\r\nAuthorization: in the body\r\n\0 ", 37);
    const std::string block = "POST / HTTP/1.0\r\nAuthorization: x\r\n\r\n" + body;
    const std::vector<HeaderLine> set = {{"Authorization", "y"}};
    EXPECT_EQ(edited(block, {.set = set, .remove = {}, .query = {}, .query_name = {}}).value(),
              "POST / HTTP/1.0\r\nAuthorization: y\r\n\r\n" + body);
}

struct QueryCase {
    const char *label;
    const char *target;
    const char *query;
    const char *name;
    const char *expected;
};

class QueryEdit : public testing::TestWithParam<QueryCase> {};

TEST_P(QueryEdit, Gives) {
    const QueryCase &c = GetParam();
    const std::string tail = " HTTP/1.1\r\nHost: h\r\n\r\n";
    const BlockEdit edit{.set = {}, .remove = {}, .query = c.query, .query_name = c.name};
    EXPECT_EQ(edited(std::string{"GET "} + c.target + tail, edit).value(),
              std::string{"GET "} + c.expected + tail);
}

INSTANTIATE_TEST_SUITE_P(
    Targets, QueryEdit,
    testing::Values(
        QueryCase{"None", "/a", "key=v", "key", "/a?key=v"},
        QueryCase{"Some", "/a?x=1", "key=v", "key", "/a?x=1&key=v"},
        QueryCase{"Empty", "/a?", "key=v", "key", "/a?key=v"},
        QueryCase{"TrailingAmpersand", "/a?x=1&", "key=v", "key", "/a?x=1&key=v"},
        QueryCase{"Replaces", "/a?key=old", "key=v", "key", "/a?key=v"},
        QueryCase{"ReplacesAll", "/a?key=1&x=%2f&key&y=+&key=", "key=v", "key", "/a?x=%2f&y=+&key=v"},
        QueryCase{"ReplacesEncoded", "/a?%6bey=1&k%65y=2&Key=3", "key=v", "key", "/a?Key=3&key=v"},
        QueryCase{"ReplacesPlusAsSpace", "/a?a+b=1&a%20b=2&a%2Bb=3", "a%20b=v", "a%20b",
                  "/a?a%2Bb=3&a%20b=v"},
        QueryCase{"ReplacesPlusAsPlus", "/a?a+b=1", "a%2Bb=v", "a%2Bb", "/a?a%2Bb=v"},
        QueryCase{"LongerNamesStay", "/a?keys=1&akey=2&key%20=3", "key=v", "key",
                  "/a?keys=1&akey=2&key%20=3&key=v"},
        QueryCase{"ValuesStay", "/a?x=key&y=key=1", "key=v", "key", "/a?x=key&y=key=1&key=v"},
        QueryCase{"OrderAndEmptyOnesStay", "/a?b&&a==%zz", "key=v", "key", "/a?b&&a==%zz&key=v"},
        QueryCase{"SecondMarkIsText", "/a?x=?key=1", "key=v", "key", "/a?x=?key=1&key=v"},
        QueryCase{"OnlyRemove", "/a?x=1&key=2", "", "key", "/a?x=1"},
        QueryCase{"OnlyRemoveLast", "/a?key=2", "", "key", "/a"},
        QueryCase{"OnlyRemoveNothing", "/a?", "", "key", "/a?"},
        QueryCase{"OnlyAppend", "/a?key=1", "key=v", "", "/a?key=1&key=v"},
        QueryCase{"AbsoluteForm", "http://h:80/a?x=1", "key=v", "key", "http://h:80/a?x=1&key=v"},
        QueryCase{"AbsoluteFormNoQuery", "http://h/a", "key=v", "key", "http://h/a?key=v"}),
    [](const auto &test) { return std::string{test.param.label}; });

class MalformedBlock : public testing::TestWithParam<std::string> {};

TEST_P(MalformedBlock, IsRefused) {
    const Result<std::string> got = edited(GetParam(), {});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, Errc::kInvalidRequest);
    EXPECT_FALSE(head_size(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedBlock,
    testing::Values("", "\r\n", "\r\n\r\n", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n",
                    "GET / HTTP/1.1\r\nA: b\r\n\r",
                    "GET / HTTP/1.1\nA: b\n\n",              // bare LF
                    "GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n",  // bare LF inside a line
                    "GET / HTTP/1.1\r\nA: b\rB: c\r\n\r\n",  // bare CR
                    "GET / HTTP/1.1\r\nA: b\r\r\n\r\n",
                    std::string("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 25),  // NUL
                    "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",         // obs-fold
                    "GET / HTTP/1.1\r\nA: b\r\n\tfolded: x\r\n\r\n", "GET / HTTP/1.1\r\n folded: x\r\n\r\n",
                    "GET / HTTP/1.1\r\nAuthorization : x\r\n\r\n",  // blank before the colon
                    "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n",
                    "GET /#f HTTP/1.1\r\n\r\n",  // a fragment
                    "GET /a b HTTP/1.1\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
                    "GET /\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", " / HTTP/1.1\r\n\r\n",
                    "GET /\x7f HTTP/1.1\r\n\r\n", "GET /\tx HTTP/1.1\r\n\r\n"));

struct BadEdit {
    const char *label;
    HeaderLine line;
    std::string_view query;
    std::string_view name;
};

class MalformedEdit : public testing::TestWithParam<BadEdit> {};

TEST_P(MalformedEdit, IsRefused) {
    const std::vector<HeaderLine> set = {GetParam().line};
    const BlockEdit edit{.set = set, .remove = {}, .query = GetParam().query, .query_name = GetParam().name};
    EXPECT_EQ(edited(kBlock, edit).error().errc, Errc::kInvalidRequest);
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedEdit,
    testing::Values(
        BadEdit{"ValueCrLf", {"A", "b\r\nC: d"}, "", ""}, BadEdit{"ValueCr", {"A", "b\r"}, "", ""},
        BadEdit{"ValueLf", {"A", "\nb"}, "", ""},
        BadEdit{"ValueNul", {"A", std::string_view("b\0", 2)}, "", ""},
        BadEdit{"NameEmpty", {"", "b"}, "", ""}, BadEdit{"NameColon", {"A:", "b"}, "", ""},
        BadEdit{"NameBlank", {"A ", "b"}, "", ""}, BadEdit{"NameLf", {"A\n", "b"}, "", ""},
        BadEdit{"QuerySpace", {"A", "b"}, "k=a b", "k"}, BadEdit{"QueryCr", {"A", "b"}, "k=a\r", "k"},
        BadEdit{"QueryTwo", {"A", "b"}, "k=a&l=b", "k"}, BadEdit{"QueryFragment", {"A", "b"}, "k=a#", "k"},
        BadEdit{"QueryRaw", {"A", "b"}, "k=\xc3\xa9", "k"}, BadEdit{"QueryName", {"A", "b"}, "k=a", "k\n"}),
    [](const auto &test) { return std::string{test.param.label}; });

TEST(EditBlock, RefusesAQueryWhereThereCanBeNone) {
    const BlockEdit edit{.set = {}, .remove = {}, .query = "k=v", .query_name = "k"};
    EXPECT_FALSE(edited("OPTIONS * HTTP/1.1\r\n\r\n", edit));
    EXPECT_FALSE(edited("CONNECT h:443 HTTP/1.1\r\n\r\n", edit));
    EXPECT_TRUE(edited("OPTIONS * HTTP/1.1\r\n\r\n", {}));
}

TEST(EditBlock, RefusesABufferBelowTheBound) {
    const std::vector<HeaderLine> set = {{"A", "b"}};
    const BlockEdit edit{.set = set, .remove = {}, .query = "k=v", .query_name = ""};
    std::string out(edited_size_bound(kBlock, edit) - 1, '\0');
    EXPECT_EQ(edit_block(kBlock, edit, out).error().errc, Errc::kInternal);
}

TEST(FindHeader, GivesTheFirstTrimmedValue) {
    EXPECT_EQ(find_header(kBlock, "Authorization"), "caller's own");
    EXPECT_EQ(find_header(kBlock, "HOST"), "api.example.com");
    EXPECT_EQ(find_header(kBlock, "x-empty"), "");
    EXPECT_EQ(find_header(kBlock, "absent"), "");
    EXPECT_EQ(find_header("GET / HTTP/1.1\r\nA: \t b c \t\r\n\r\n", "a"), "b c");
    EXPECT_EQ(find_header("GET / HTTP/1.1\r\nA:  \t\r\n\r\n", "a"), "");
    EXPECT_EQ(find_header("GET / HTTP/1.1\r\n\r\nA: in the body\r\n\r\n", "a"), "");
    EXPECT_EQ(find_header("", "a"), "");
    EXPECT_EQ(find_header(kBlock, ""), "");
}

TEST(HeadSize, EndsBehindTheBlankLine) {
    EXPECT_EQ(head_size(kBlock).value(), kBlock.size());
    EXPECT_EQ(head_size(std::string{kBlock} + "body\r\n\r\n").value(), kBlock.size());
    EXPECT_EQ(head_size("GET / HTTP/1.0\r\n\r\n").value(), 18u);
}

}  // namespace
}  // namespace nexus::http1
