#include "shared/crypto/xaes256gcm.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "shared/encoding/hex.h"

namespace nexus::crypto {
namespace {

XaesKey key_of(std::string_view bytes) {
    return std::move(XaesKey::create(Secret{bytes}).value());
}

XaesNonce nonce_of(std::string_view bytes) {
    XaesNonce nonce{};
    std::memcpy(nonce.data(), bytes.data(), std::min(bytes.size(), nonce.size()));
    return nonce;
}

struct Vector {
    std::string key;
    const char *ad;
    const char *sealed;
};

class C2spVector : public testing::TestWithParam<Vector> {};

TEST_P(C2spVector, BothWays) {
    const XaesKey key = key_of(GetParam().key);
    const XaesNonce nonce = nonce_of("ABCDEFGHIJKLMNOPQRSTUVWX");
    const std::string sealed = key.seal(nonce, "XAES-256-GCM", GetParam().ad).value();
    EXPECT_EQ(encoding::hex_encode(sealed), GetParam().sealed);
    EXPECT_EQ(key.open(nonce, sealed, GetParam().ad).value().view(), "XAES-256-GCM");
}

// C2SP XAES-256-GCM, "Test Vectors"; the first has MSB1(L) = 0, the second 1.
INSTANTIATE_TEST_SUITE_P(Published, C2spVector,
                         testing::Values(Vector{std::string(32, '\x01'), "",
                                                "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
                                         Vector{std::string(32, '\x03'), "c2sp.org/XAES-256-GCM",
                                                "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"}));

struct MdCtxDelete {
    void operator()(EVP_MD_CTX *ctx) const { EVP_MD_CTX_free(ctx); }
};

/// The first `size` bytes that SHAKE128 gives for `input`.
std::string shake128(std::string_view input, size_t size) {
    const std::unique_ptr<EVP_MD_CTX, MdCtxDelete> ctx{EVP_MD_CTX_new()};
    std::string output(size, '\0');
    EVP_DigestInit_ex(ctx.get(), EVP_shake128(), nullptr);
    EVP_DigestUpdate(ctx.get(), input.data(), input.size());
    EVP_DigestFinalXOF(ctx.get(), reinterpret_cast<unsigned char *>(output.data()), output.size());
    return output;
}

// C2SP XAES-256-GCM, "Accumulated randomized test": key, nonce, plaintext and additional data are read from a
// SHAKE128 stream (lengths as one byte each), and every ciphertext is hashed by another.
TEST(C2spAccumulated, TenThousandRounds) {
    constexpr size_t kRounds = 10'000;
    const std::string stream = shake128("", kRounds * (32 + 24 + 2 * 256));
    std::string_view rest = stream;
    const auto read = [&rest](size_t size) {
        const std::string_view bytes = rest.substr(0, size);
        rest.remove_prefix(size);
        return bytes;
    };
    const auto read_counted = [&read] { return read(static_cast<unsigned char>(read(1)[0])); };

    std::string all;
    for (size_t i = 0; i < kRounds; ++i) {
        const XaesKey key = key_of(read(32));
        const XaesNonce nonce = nonce_of(read(24));
        const std::string_view plaintext = read_counted();
        const std::string_view ad = read_counted();
        const std::string sealed = key.seal(nonce, plaintext, ad).value();
        ASSERT_EQ(key.open(nonce, sealed, ad).value().view(), plaintext);
        all += sealed;
    }
    EXPECT_EQ(encoding::hex_encode(shake128(all, 32)),
              "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

TEST(Xaes, RefusesKeysOfAnotherLength) {
    for (const size_t size : {0, 16, 31, 33}) {
        const Result<XaesKey> key = XaesKey::create(Secret{std::string(size, 'k')});
        ASSERT_FALSE(key);
        EXPECT_EQ(key.error().errc, Errc::kInvalidKey);
    }
}

TEST(Xaes, RefusesEveryFlippedBit) {
    const XaesKey key = key_of(std::string(32, 'k'));
    const XaesNonce nonce = nonce_of("nonce");
    const std::string sealed = key.seal(nonce, "some plaintext", "ad").value();
    for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        std::string changed = sealed;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
        const Result<Secret> opened = key.open(nonce, changed, "ad");
        ASSERT_FALSE(opened) << "bit " << bit;
        EXPECT_EQ(opened.error().errc, Errc::kSealBroken);
    }
    for (size_t bit = 0; bit < nonce.size() * 8; ++bit) {
        XaesNonce changed = nonce;
        changed[bit / 8] = static_cast<unsigned char>(changed[bit / 8] ^ (1 << bit % 8));
        EXPECT_FALSE(key.open(changed, sealed, "ad")) << "nonce bit " << bit;
    }
}

TEST(Xaes, RefusesOtherDataKeyAndLength) {
    const XaesKey key = key_of(std::string(32, 'k'));
    const XaesNonce nonce = nonce_of("nonce");
    const std::string sealed = key.seal(nonce, "text", "ad").value();
    EXPECT_FALSE(key.open(nonce, sealed, "other"));
    EXPECT_FALSE(key.open(nonce, sealed, ""));
    EXPECT_FALSE(key_of(std::string(32, 'j')).open(nonce, sealed, "ad"));
    EXPECT_FALSE(key.open(nonce, sealed + '\0', "ad"));
    for (size_t size = 0; size < sealed.size(); ++size) {
        EXPECT_FALSE(key.open(nonce, std::string_view{sealed}.substr(0, size), "ad")) << size;
    }
}

TEST(Xaes, EmptyPlaintextIsAuthenticatedToo) {
    const XaesKey key = key_of(std::string(32, 'k'));
    const XaesNonce nonce{};
    const std::string sealed = key.seal(nonce, "", "ad").value();
    EXPECT_EQ(sealed.size(), kXaesTagBytes);
    EXPECT_TRUE(key.open(nonce, sealed, "ad").value().empty());
    EXPECT_EQ(key.open_into(nonce, sealed, "ad", {}).value(), 0u);
    EXPECT_FALSE(key.open(nonce, sealed, "da"));
}

TEST(Xaes, OpenIntoLeavesNothingOnFailure) {
    const XaesKey key = key_of(std::string(32, 'k'));
    std::string sealed = key.seal({}, "a plaintext", "").value();
    sealed.back() = static_cast<char>(sealed.back() ^ 1);
    std::string out(sealed.size(), 'x');
    ASSERT_FALSE(key.open_into({}, sealed, "", out));
    EXPECT_EQ(out.substr(0, 11), std::string(11, '\0'));
    EXPECT_EQ(out.substr(11), std::string(16, 'x'));  // behind the plaintext nothing is touched
}

TEST(Xaes, OpenIntoRefusesASmallBuffer) {
    const XaesKey key = key_of(std::string(32, 'k'));
    const std::string sealed = key.seal({}, "a plaintext", "").value();
    std::string out(10, 'x');
    EXPECT_FALSE(key.open_into({}, sealed, "", out));
    EXPECT_EQ(out, std::string(10, 'x'));
}

// open_into keeps what it derived for the messages that it opened last; nothing of one may show in another.
TEST(Xaes, OpenIntoKnowsMessagesAgainWhateverCameBetween) {
    const XaesKey keys[] = {key_of(std::string(32, '1')), key_of(std::string(32, '2'))};
    struct Message {
        const XaesKey *key;
        XaesNonce nonce;
        std::string text, sealed;
    };
    std::vector<Message> messages;
    for (int i = 0; i < 300; ++i) {  // more than are kept; two keys share each nonce
        const XaesKey &key = keys[i % 2];
        const XaesNonce nonce = nonce_of(std::to_string(i / 2));
        std::string text = "text " + std::to_string(i) + std::string(static_cast<size_t>(i % 40), '.');
        messages.push_back({&key, nonce, text, key.seal(nonce, text, "ad").value()});
    }

    std::mt19937 random(1);
    for (int i = 0; i < 5000; ++i) {
        const Message &message = messages[random() % (i % 2 ? 4 : messages.size())];
        std::string sealed = message.sealed;
        std::string_view ad = "ad";
        switch (random() % 4) {
            case 0:
                sealed[random() % sealed.size()] ^= 1;
                break;
            case 1:
                ad = "da";
                break;
            default:
                break;
        }
        const bool is_good = sealed == message.sealed && ad == "ad";
        const Result<size_t> size = message.key->open_into(message.nonce, sealed, ad, sealed);
        ASSERT_EQ(size.has_value(), is_good) << i;
        ASSERT_TRUE(!is_good || sealed.substr(0, *size) == message.text) << i;
    }
}

TEST(Xaes, KeysTakeTurnsOnOneThreadAndAcrossThreads) {
    const XaesKey first = key_of(std::string(32, '1'));
    const XaesKey second = key_of(std::string(32, '2'));
    const auto work = [&] {
        for (int i = 0; i < 500; ++i) {
            const XaesNonce nonce = nonce_of(std::to_string(i));
            const std::string a = first.seal(nonce, "one", "").value();
            const std::string b = second.seal(nonce, "two", "").value();
            ASSERT_EQ(first.open(nonce, a, "").value().view(), "one");
            ASSERT_EQ(second.open(nonce, b, "").value().view(), "two");
        }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back(work);
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

}  // namespace
}  // namespace nexus::crypto
