#include "shared/crypto/digest.h"

#include <gtest/gtest.h>

#include "shared/crypto/hmac.h"
#include "shared/encoding/hex.h"

namespace nexus::crypto {
namespace {

// FIPS 180-4 examples (csrc.nist.gov, "Secure Hashing" example values)
TEST(Sha256, Fips180Examples) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

struct HmacVector {
    std::string key;
    std::string data;
    const char *mac;
};

class HmacSha256 : public testing::TestWithParam<HmacVector> {};

TEST_P(HmacSha256, Matches) {
    EXPECT_EQ(encoding::hex_encode(as_view(hmac_sha256(GetParam().key, GetParam().data))), GetParam().mac);
}

TEST_P(HmacSha256, MatchesForEachMessageUnderAKeyThatIsKept) {
    HmacSha256Key key(GetParam().key);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(encoding::hex_encode(as_view(key.code_of(GetParam().data))), GetParam().mac);
        EXPECT_EQ(key.code_of(""), hmac_sha256(GetParam().key, ""));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Rfc4231, HmacSha256,
    testing::Values(HmacVector{std::string(20, '\x0b'), "Hi There",
                               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
                    HmacVector{"Jefe", "what do ya want for nothing?",
                               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
                    HmacVector{std::string(20, '\xaa'), std::string(50, '\xdd'),
                               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
                    HmacVector{std::string(131, '\xaa'),
                               "Test Using Larger Than Block-Size Key - Hash Key First",
                               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"}));

TEST(HmacSha256, EmptyKeyAndDataAreAllowed) {
    EXPECT_EQ(encoding::hex_encode(as_view(hmac_sha256("", ""))),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

}  // namespace
}  // namespace nexus::crypto
