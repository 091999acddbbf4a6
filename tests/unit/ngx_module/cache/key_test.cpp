#include "ngx_module/cache/key.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace nexus::edge::cache {
namespace {

constexpr std::string_view kUuid = "01234567-89ab-cdef-0123-456789abcdef";

TEST(CacheKeyTest, TakesAllBitsOfAUuid) {
    const auto key = parse_key(record::Kind::kToken, kUuid);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->high, 0x0123456789abcdefULL);
    EXPECT_EQ(key->low, 0x0123456789abcdefULL);
}

TEST(CacheKeyTest, TakesTheFirstHalfOfADigest) {
    const std::string digest = "00112233445566778899aabbccddeeff" + std::string(32, '7');
    const auto key = parse_key(record::Kind::kCaller, digest);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->high, 0x0011223344556677ULL);
    EXPECT_EQ(key->low, 0x8899aabbccddeeffULL);
    const auto issuer = parse_key(record::Kind::kIssuer, digest);
    EXPECT_EQ(issuer->kind, record::Kind::kIssuer);
    EXPECT_NE(*issuer, *key);
}

TEST(CacheKeyTest, RefusesWhatIsNoId) {
    const std::string uuid{kUuid};
    for (const std::string &id :
         {std::string(), std::string("x"), uuid + "0", uuid.substr(1),
          std::string("01234567-89AB-cdef-0123-456789abcdef"),
          std::string("0123456789ab-cdef-0123-456789abcdef-"),
          std::string("01234567-89ab-cdef-0123-456789abcdeg"),
          std::string("01234567089ab0cdef001230456789abcdef"), std::string(64, 'a'), std::string(36, '\0')}) {
        EXPECT_FALSE(parse_key(record::Kind::kToken, id)) << id;
    }
    EXPECT_FALSE(parse_key(record::Kind::kCaller, kUuid));
    EXPECT_FALSE(parse_key(record::Kind::kCaller, std::string(63, 'a')));
    EXPECT_FALSE(parse_key(record::Kind::kCaller, std::string(64, 'A')));
    EXPECT_FALSE(parse_key(record::Kind::kCaller, std::string(63, 'a') + "/"));
}

// Ids that differ in one place only must still spread over the table's sets.
TEST(CacheKeyTest, SpreadsNeighbours) {
    constexpr size_t kSets = 64;
    for (const int shift : {0, 20, 50}) {
        std::array<int, kSets> sets{};
        for (uint64_t i = 0; i < 1024; ++i) {
            const Key key{record::Kind::kToken, 7, i << shift};
            ++sets[mix(key, 1) % kSets];
        }
        for (const int count : sets) {
            EXPECT_GT(count, 0);
            EXPECT_LT(count, 64);
        }
    }
}

TEST(CacheKeyTest, KindAndSeedChangeThePlace) {
    const Key token{record::Kind::kToken, 1, 2};
    const Key caller{record::Kind::kCaller, 1, 2};
    EXPECT_NE(token, caller);
    EXPECT_NE(mix(token, 1), mix(caller, 1));
    EXPECT_NE(mix(token, 1), mix(token, 2));
}

}  // namespace
}  // namespace nexus::edge::cache
