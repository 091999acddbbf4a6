#include "shared/http2/huffman.h"

#include <gtest/gtest.h>

namespace nexus::http2 {
namespace {

std::string bytes(std::initializer_list<int> values) {
    std::string text;
    for (const int value : values) {
        text.push_back(static_cast<char>(value));
    }
    return text;
}

// RFC 7541 appendix C.4 and C.6
TEST(HuffmanDecode, PublishedExamples) {
    EXPECT_EQ(huffman_decode(bytes({0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff})),
              "www.example.com");
    EXPECT_EQ(huffman_decode(bytes({0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf})), "no-cache");
    EXPECT_EQ(huffman_decode(bytes({0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f})), "custom-key");
    EXPECT_EQ(huffman_decode(bytes({0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf})), "custom-value");
    EXPECT_EQ(huffman_decode(bytes({0xd0, 0x7a, 0xbe, 0x94, 0x10, 0x54, 0xd4, 0x44, 0xa8, 0x20, 0x05,
                                    0x95, 0x04, 0x0b, 0x81, 0x66, 0xe0, 0x82, 0xa6, 0x2d, 0x1b, 0xff})),
              "Mon, 21 Oct 2013 20:13:21 GMT");
}

TEST(HuffmanDecode, NothingIsNothing) {
    EXPECT_EQ(huffman_decode(""), "");
}

TEST(HuffmanDecode, RefusesPaddingThatIsNone) {
    EXPECT_EQ(huffman_decode(bytes({0xff})), std::nullopt);                    // eight bits
    EXPECT_EQ(huffman_decode(bytes({0x18})), std::nullopt);                    // "a", then zeros
    EXPECT_EQ(huffman_decode(bytes({0x1f})), "a");                             // "a", then ones
    EXPECT_EQ(huffman_decode(bytes({0xff, 0xff, 0xff, 0xff})), std::nullopt);  // end of string
}

}  // namespace
}  // namespace nexus::http2
