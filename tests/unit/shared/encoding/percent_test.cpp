#include "shared/encoding/percent.h"

#include <gtest/gtest.h>

namespace nexus::encoding {
namespace {

TEST(PercentEncode, KeepsTheUnreservedOnly) {
    EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
    EXPECT_EQ(percent_encode("a b&c=d+e/f?g#h%"), "a%20b%26c%3Dd%2Be%2Ff%3Fg%23h%25");
    EXPECT_EQ(percent_encode(std::string_view("\0\r\n\xff", 4)), "%00%0D%0A%FF");
}

TEST(PercentDecode, DecodesAndRefuses) {
    EXPECT_EQ(percent_decode("a%20b%2Bc+d", false).value(), "a b+c+d");
    EXPECT_EQ(percent_decode("a%20b%2Bc+d", true).value(), "a b+c d");
    EXPECT_EQ(percent_decode("", true).value(), "");
    for (const char *broken : {"%", "%4", "%zz", "a%4", "%00", "x%00y"}) {
        EXPECT_EQ(percent_decode(broken, true).error().errc, Errc::kInvalidRequest) << broken;
    }
}

TEST(PercentDecodedEqual, ComparesWhatIsMeant) {
    EXPECT_TRUE(percent_decoded_equal("key", "key", false));
    EXPECT_TRUE(percent_decoded_equal("%6bey", "key", false));
    EXPECT_TRUE(percent_decoded_equal("a%2Fb", "a%2fb", false));
    EXPECT_TRUE(percent_decoded_equal("a+b", "a%20b", true));
    EXPECT_FALSE(percent_decoded_equal("a+b", "a%20b", false));
    EXPECT_TRUE(percent_decoded_equal("a%2bb", "a%2Bb", true));
    EXPECT_FALSE(percent_decoded_equal("key", "keys", false));
    EXPECT_FALSE(percent_decoded_equal("keys", "key", false));
    EXPECT_FALSE(percent_decoded_equal("Key", "key", false));
    EXPECT_TRUE(percent_decoded_equal("%zz%4", "%zz%4", false));
    EXPECT_TRUE(percent_decoded_equal("", "", true));
}

}  // namespace
}  // namespace nexus::encoding
