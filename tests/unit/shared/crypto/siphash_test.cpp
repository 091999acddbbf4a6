#include "shared/crypto/siphash.h"

#include <gtest/gtest.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <memory>
#include <string>

namespace nexus::crypto {
namespace {

// The key of the paper's appendix and of the reference vectors: 00 01 ... 0f.
constexpr SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::string counting(size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) {
        text.push_back(static_cast<char>(i));
    }
    return text;
}

/// OpenSSL's digest of `bytes` bytes (8 or 16), as little-endian words.
Sip128 openssl_siphash(std::string_view text, size_t bytes) {
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, "SIPHASH", nullptr),
                                                                EVP_MAC_free);
    const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> ctx(EVP_MAC_CTX_new(mac.get()),
                                                                        EVP_MAC_CTX_free);
    const std::string key = counting(16);
    const std::array parameters = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &bytes),
                                   OSSL_PARAM_construct_end()};
    std::array<unsigned char, 16> out{};
    EXPECT_EQ(EVP_MAC_init(ctx.get(), reinterpret_cast<const unsigned char *>(key.data()), key.size(),
                           parameters.data()),
              1);
    EXPECT_EQ(EVP_MAC_update(ctx.get(), reinterpret_cast<const unsigned char *>(text.data()), text.size()),
              1);
    size_t size = 0;
    EXPECT_EQ(EVP_MAC_final(ctx.get(), out.data(), &size, out.size()), 1);
    EXPECT_EQ(size, bytes);
    const auto word = [&](size_t at) {
        uint64_t number = 0;
        for (size_t i = 0; i < 8; ++i) {
            number |= static_cast<uint64_t>(out[at + i]) << (8 * i);
        }
        return number;
    };
    return {word(0), word(8)};
}

TEST(SipHash, ThePapersVector) {
    EXPECT_EQ(siphash(kKey, counting(15)), 0xa129ca6149be45e5);
}

TEST(SipHash, IsWhatOpensslSays) {
    for (size_t count = 0; count < 100; ++count) {
        EXPECT_EQ(siphash(kKey, counting(count)), openssl_siphash(counting(count), 8).low) << count;
        EXPECT_EQ(siphash128(kKey, counting(count)), openssl_siphash(counting(count), 16)) << count;
    }
}

TEST(SipHash, DependsOnTheKey) {
    EXPECT_NE(siphash({kKey.low, kKey.high ^ 1}, "a"), siphash(kKey, "a"));
    EXPECT_NE(siphash({kKey.low ^ 1, kKey.high}, "a"), siphash(kKey, "a"));
}

}  // namespace
}  // namespace nexus::crypto
