// What is signed, from what is sent.
#include "shared/sigv4/canonical.h"

#include <gtest/gtest.h>

#include <vector>

namespace nexus::sigv4 {
namespace {

using http1::HeaderLine;

TEST(CanonicalPath, OtherServicesEncodeWhatIsSentOnceMore) {
    const auto path = [](std::string_view sent) { return canonical_path(sent, PathStyle::kOther); };
    EXPECT_EQ(path(""), "/");
    EXPECT_EQ(path("/"), "/");
    EXPECT_EQ(path("//"), "/");
    EXPECT_EQ(path("/foo/bar"), "/foo/bar");
    EXPECT_EQ(path("/foo/bar/"), "/foo/bar/");
    EXPECT_EQ(path("/foo/../bar"), "/bar");
    EXPECT_EQ(path("/foo/.."), "/");
    EXPECT_EQ(path("/../.."), "/");
    EXPECT_EQ(path("/./foo"), "/foo");
    EXPECT_EQ(path("//foo//"), "/foo/");
    EXPECT_EQ(path("/a%20b"), "/a%2520b");
    EXPECT_EQ(path("/a b"), "/a%20b");
    EXPECT_EQ(path("/-._~0aZ"), "/-._~0aZ");
    EXPECT_EQ(path("/\xe1\x88\xb4"), "/%E1%88%B4");
}

TEST(CanonicalPath, S3DecodesAndKeepsItsShape) {
    const auto path = [](std::string_view sent) { return canonical_path(sent, PathStyle::kS3); };
    EXPECT_EQ(path("/test$file.text"), "/test%24file.text");
    EXPECT_EQ(path("/test%24file.text"), "/test%24file.text");
    EXPECT_EQ(path("/a//b/../c/."), "/a//b/../c/.");
    EXPECT_EQ(path("/a+b%2bc"), "/a%2Bb%2Bc");
    EXPECT_EQ(path("/100%"), "/100%25");
    EXPECT_EQ(path("/%zz%4"), "/%25zz%254");
}

TEST(CanonicalQuery, IsDecodedEncodedAndSorted) {
    EXPECT_EQ(canonical_query(""), "");
    EXPECT_EQ(canonical_query("lifecycle"), "lifecycle=");
    EXPECT_EQ(canonical_query("Param2=value2&Param1=value1"), "Param1=value1&Param2=value2");
    EXPECT_EQ(canonical_query("a=2&a=1&a"), "a=&a=1&a=2");
    EXPECT_EQ(canonical_query("a=b=c"), "a=b%3Dc");
    EXPECT_EQ(canonical_query("a+b=c%20d"), "a%20b=c%20d");
    EXPECT_EQ(canonical_query("&&a=1&"), "a=1");
    EXPECT_EQ(canonical_query("k=%E1%88%B4&K=%7e"), "K=~&k=%E1%88%B4");
    EXPECT_EQ(canonical_query("a-=1&a=2"), "a=2&a-=1") << "by the names, not by the whole";
    EXPECT_EQ(canonical_query("a=%"), "a=%25");
}

TEST(CanonicalHeaders, AreSortedTrimmedAndJoined) {
    const std::vector<HeaderLine> lines = {
        {"My-Header1", "value2"}, {"Host", "example.amazonaws.com"},  {"my-header1", "  value2 \t a  b "},
        {"MY-HEADER1", ""},       {"x-amz-date", "20150830T123600Z"},
    };
    const CanonicalHeaders headers = canonical_headers(lines);
    EXPECT_EQ(headers.lines,
              "host:example.amazonaws.com\nmy-header1:value2,value2 a b,\nx-amz-date:20150830T123600Z\n");
    EXPECT_EQ(headers.names, "host;my-header1;x-amz-date");
}

TEST(CanonicalHeaders, ANameThatBeginsLikeAnotherStaysApart) {
    const std::vector<HeaderLine> lines = {{"a-b", "1"}, {"a", "   "}};
    const CanonicalHeaders headers = canonical_headers(lines);
    EXPECT_EQ(headers.lines, "a:\na-b:1\n");
}

}  // namespace
}  // namespace nexus::sigv4
