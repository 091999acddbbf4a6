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

TEST(RecordId, WordsAreTheDigits) {
    const std::optional<IdWords> uuid = read_canonical_uuid("01234567-89ab-cdef-fedc-ba9876543210");
    ASSERT_TRUE(uuid);
    EXPECT_EQ(uuid->high, 0x0123456789abcdefULL);
    EXPECT_EQ(uuid->low, 0xfedcba9876543210ULL);

    const std::optional<IdWords> digest =
        read_sha256_hex("00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef");
    ASSERT_TRUE(digest);
    EXPECT_EQ(digest->high, 0x0011223344556677ULL);
    EXPECT_EQ(digest->low, 0x8899aabbccddeeffULL);
}

TEST(RecordId, TakesNoOtherCharacterAnywhere) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::string uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    const std::string digest(64, 'a');
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool is_digit = kDigits.find(c) != std::string_view::npos;
        for (size_t at = 0; at < digest.size(); ++at) {
            std::string text = digest;
            text[at] = c;
            ASSERT_EQ(is_sha256_hex(text), is_digit) << byte << " at " << at;
        }
        for (size_t at = 0; at < uuid.size(); ++at) {
            std::string text = uuid;
            text[at] = c;
            ASSERT_EQ(is_canonical_uuid(text), uuid[at] == '-' ? c == '-' : is_digit) << byte << " at " << at;
        }
    }
}

}  // namespace
}  // namespace nexus::encoding
