#include "ngx_module/caller/key_digests.h"

#include <gtest/gtest.h>

#include "shared/crypto/digest.h"

namespace nexus::edge {
namespace {

std::string hex_of(KeyDigests &digests, std::string_view key) {
    const KeyDigests::Hex &hex = digests.of(key);
    return {hex.data(), hex.size()};
}

TEST(KeyDigests, AreThoseOfTheKeyAtEveryTime) {
    KeyDigests digests;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 2000; ++i) {  // four times as many as there are places
            const std::string key = "nxa_" + std::to_string(i);
            ASSERT_EQ(hex_of(digests, key), crypto::sha256_hex(key));
            ASSERT_EQ(hex_of(digests, key), crypto::sha256_hex(key));
        }
    }
}

TEST(KeyDigests, TellKeysApartThatDifferInOneBit) {
    KeyDigests digests;
    std::string key(60, 'k');
    const std::string first = hex_of(digests, key);
    for (char &c : key) {
        for (int bit = 0; bit < 8; ++bit) {
            c = static_cast<char>(c ^ 1 << bit);
            ASSERT_NE(hex_of(digests, key), first);
            c = static_cast<char>(c ^ 1 << bit);
            ASSERT_EQ(hex_of(digests, key), first);
        }
    }
    EXPECT_EQ(hex_of(digests, ""), crypto::sha256_hex(""));
}

}  // namespace
}  // namespace nexus::edge
