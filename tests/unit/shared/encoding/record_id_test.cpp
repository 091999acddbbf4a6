#include "shared/encoding/record_id.h"

#include <gtest/gtest.h>
#include <string>

namespace nexus::encoding {
namespace {

TEST(CanonicalUuid, HasOneSpelling) {
    EXPECT_TRUE(is_canonical_uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));  // RFC 9562 section 4
    EXPECT_TRUE(is_canonical_uuid("00000000-0000-0000-0000-000000000000"));
    for (const char *text :
         {"", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "f81d4fae-7dec-11d0-a765-00a0c91e6bF6",
          "f81d4fae7dec11d0a76500a0c91e6bf6", "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
          "f81d4fae-7dec-11d0-a765-00a0c91e6bf", "f81d4fae-7dec-11d0-a765-00a0c91e6bf60",
          "g81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a76-500a0c91e6bf6",
          "f81d4fae_7dec_11d0_a765_00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf\xff"}) {
        EXPECT_FALSE(is_canonical_uuid(text)) << text;
    }
}

TEST(Sha256Hex, Is64LowerCaseDigits) {
    EXPECT_TRUE(is_sha256_hex(std::string(32, '0') + std::string(32, 'f')));
    EXPECT_FALSE(is_sha256_hex(std::string(63, 'a')));
    EXPECT_FALSE(is_sha256_hex(std::string(65, 'a')));
    for (const char other : {'A', 'g', '-', '\0', '\xff', '/', ':', '`'}) {
        EXPECT_FALSE(is_sha256_hex(std::string(63, 'a') + other)) << other;
    }
}

}  // namespace
}  // namespace nexus::encoding
