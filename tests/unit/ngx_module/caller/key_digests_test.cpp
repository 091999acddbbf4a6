#include "ngx_module/caller/key_digests.h"

#include <gtest/gtest.h>

#include "shared/crypto/digest.h"
#include "shared/record/caller_record.h"

namespace nexus::edge {
namespace {

std::string text_of(const crypto::Sha256Hex *hex) {
    return hex != nullptr ? std::string{crypto::as_view(*hex)} : "none";
}

std::string key_of(size_t number) {
    std::string key(record::kAgentKeyChars, 'k');
    return key.replace(0, 8, std::to_string(10'000'000 + number));
}

TEST(KeyDigests, AreThoseOfTheKeyAtEveryTime) {
    KeyDigests digests;
    for (int round = 0; round < 3; ++round) {
        for (size_t i = 0; i < 2000; ++i) {  // four times as many as there are places
            const std::string key = key_of(i);
            ASSERT_EQ(text_of(&digests.add(key)), crypto::sha256_hex(key));
            ASSERT_EQ(text_of(digests.find(key)), crypto::sha256_hex(key));
        }
    }
}

TEST(KeyDigests, TellKeysApartThatDifferInOneBit) {
    KeyDigests digests;
    std::string key = key_of(0);
    digests.add(key);
    for (char &c : key) {
        for (int bit = 0; bit < 8; ++bit) {
            c = static_cast<char>(c ^ 1 << bit);
            ASSERT_EQ(text_of(digests.find(key)), "none");
            c = static_cast<char>(c ^ 1 << bit);
            ASSERT_EQ(text_of(digests.find(key)), crypto::sha256_hex(key));
        }
    }
    EXPECT_EQ(text_of(digests.find("")), "none");
    EXPECT_EQ(text_of(digests.find(key + "k")), "none");
    EXPECT_EQ(text_of(digests.find(std::string(100'000, 'k'))), "none");
}

}  // namespace
}  // namespace nexus::edge
