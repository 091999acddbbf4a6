// The construction of C2SP XAES-256-GCM over OpenSSL's AES-256-ECB (two blocks of AES-CMAC, to derive a
// message's key) and AES-256-GCM. Contexts and fetched algorithms are kept per thread: the edge opens a
// record for every request, and setting up anew would cost as much as the cipher.
#include "shared/crypto/xaes256gcm.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <atomic>
#include <climits>
#include <cstring>

#include "shared/crypto/openssl_ptr.h"

namespace nexus::crypto {

namespace {

constexpr size_t kBlockBytes = 16;
constexpr size_t kGcmNonceBytes = 12;

using Block = std::array<unsigned char, kBlockBytes>;

// Never freed: they must outlive every thread's contexts, and OpenSSL frees them at exit.
EVP_CIPHER *ecb_algorithm() {
    static EVP_CIPHER *const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
    return algorithm;
}

EVP_CIPHER *gcm_algorithm() {
    static EVP_CIPHER *const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return algorithm;
}

/// A key on the stack that is wiped on every way out.
struct DerivedKey {
    std::array<unsigned char, kXaesKeyBytes> bytes;
    DerivedKey() = default;
    DerivedKey(const DerivedKey &) = delete;
    DerivedKey &operator=(const DerivedKey &) = delete;
    ~DerivedKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

/// AES-256 of `in`, whole blocks, no chaining.
bool encrypt_blocks(EVP_CIPHER_CTX *ecb, const unsigned char *in, size_t size, unsigned char *out) {
    int written = 0;
    return EVP_EncryptUpdate(ecb, out, &written, in, static_cast<int>(size)) == 1 &&
           written == static_cast<int>(size);
}

bool init_ecb(EVP_CIPHER_CTX *ecb, const unsigned char *key) {
    return EVP_EncryptInit_ex2(ecb, ecb_algorithm(), key, nullptr, nullptr) == 1 &&
           EVP_CIPHER_CTX_set_padding(ecb, 0) == 1;
}

/// This thread's ECB context, re-keyed only when another key was used last. What stays behind in it is the
/// expanded key of a key that is in memory anyway; it is wiped by the next use or when the thread ends.
EVP_CIPHER_CTX *ecb_context(uint64_t serial, const unsigned char *key) {
    thread_local const CipherCtxPtr ecb{EVP_CIPHER_CTX_new()};
    thread_local uint64_t keyed_with = 0;
    if (keyed_with == serial) {
        return ecb.get();
    }

    keyed_with = 0;
    if (ecb == nullptr || !init_ecb(ecb.get(), key)) {
        return nullptr;
    }
    keyed_with = serial;
    return ecb.get();
}

/// A GCM context. It is told its cipher once: each time that OpenSSL is told, it frees and allocates what
/// holds the key schedule. nullptr: OpenSSL cannot
CipherCtxPtr make_gcm() {
    CipherCtxPtr made{EVP_CIPHER_CTX_new()};
    if (made != nullptr &&
        EVP_CipherInit_ex2(made.get(), gcm_algorithm(), nullptr, nullptr, 0, nullptr) != 1) {
        made.reset();
    }
    return made;
}

/// This thread's GCM context. Every use gives it a key and a nonce, which starts it over.
EVP_CIPHER_CTX *gcm_context() {
    thread_local const CipherCtxPtr gcm = make_gcm();
    return gcm.get();
}

/// A GCM context that is keyed for one message.
struct MessageContext {
    CipherCtxPtr gcm;
    uint64_t serial = 0;  // of the key that its message's key was derived from; 0: it has none
    XaesNonce nonce{};
};

/// For the messages that this thread has opened last: the edge opens one record for request after request
/// (docs/decisions/0073). Nonces are random, so any byte of one is a place.
MessageContext &message_context(const XaesNonce &nonce) {
    constexpr size_t kPlaces = 64;
    thread_local std::array<MessageContext, kPlaces> places;
    return places[nonce[0] % kPlaces];
}

/// Multiplication by x in GF(2^128): the subkey K1 of AES-CMAC (RFC 4493 section 2.3).
Block doubled(const Block &block) {
    Block result;
    unsigned carry = 0;
    for (size_t i = kBlockBytes; i-- > 0;) {
        result[i] = static_cast<unsigned char>(block[i] << 1 | carry);
        carry = block[i] >> 7;
    }
    result[kBlockBytes - 1] ^= static_cast<unsigned char>(carry * 0x87);
    return result;
}

[[gnu::cold]] tl::unexpected<Error> crypto_failure() {
    return fail(Errc::kCryptoFailure, "OpenSSL refused an AES-256-GCM operation");
}

[[gnu::cold]] tl::unexpected<Error> seal_broken() {
    return fail(Errc::kSealBroken, "authentication failed: the sealed bytes are damaged, moved or forged");
}

}  // namespace

struct XaesKey::Impl {
    Impl() = default;
    Impl(const Impl &) = delete;
    Impl &operator=(const Impl &) = delete;

    ~Impl() {
        OPENSSL_cleanse(key.data(), key.size());
        OPENSSL_cleanse(subkey.data(), subkey.size());
    }

    /// The message's key: AES(K, M1 ^ K1) || AES(K, M2 ^ K1), where Mi = 00 0i 'X' 00 || nonce[0..12).
    bool derive(const XaesNonce &nonce, DerivedKey &derived) const {
        EVP_CIPHER_CTX *ecb = ecb_context(serial, key.data());
        if (ecb == nullptr) {
            return false;
        }

        std::array<unsigned char, 2 * kBlockBytes> blocks;
        for (size_t half = 0; half < 2; ++half) {
            unsigned char *block = blocks.data() + half * kBlockBytes;
            block[0] = 0;
            block[1] = static_cast<unsigned char>(half + 1);
            block[2] = 'X';
            block[3] = 0;
            std::memcpy(block + 4, nonce.data(), kGcmNonceBytes);
            for (size_t i = 0; i < kBlockBytes; ++i) {
                block[i] ^= subkey[i];
            }
        }

        const bool ok = encrypt_blocks(ecb, blocks.data(), blocks.size(), derived.bytes.data());
        OPENSSL_cleanse(blocks.data(), blocks.size());
        return ok;
    }

    std::array<unsigned char, kXaesKeyBytes> key{};
    Block subkey{};
    uint64_t serial = 0;  // never reused, unlike addresses: tells threads whether their context fits
};

XaesKey::XaesKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XaesKey::XaesKey(XaesKey &&) noexcept = default;
XaesKey &XaesKey::operator=(XaesKey &&) noexcept = default;
XaesKey::~XaesKey() = default;

Result<XaesKey> XaesKey::create(const Secret &key) {
    if (key.size() != kXaesKeyBytes) {
        return fail(Errc::kInvalidKey, "an XAES-256-GCM key has exactly 32 bytes");
    }

    static std::atomic<uint64_t> last_serial{0};
    auto impl = std::make_unique<Impl>();
    std::memcpy(impl->key.data(), key.view().data(), kXaesKeyBytes);
    impl->serial = ++last_serial;

    EVP_CIPHER_CTX *ecb = ecb_context(impl->serial, impl->key.data());
    const Block zero{};
    if (ecb == nullptr || !encrypt_blocks(ecb, zero.data(), zero.size(), impl->subkey.data())) {
        return crypto_failure();
    }
    impl->subkey = doubled(impl->subkey);
    return XaesKey{std::move(impl)};
}

Result<std::string> XaesKey::seal(const XaesNonce &nonce, std::string_view plaintext,
                                  std::string_view ad) const {
    if (plaintext.size() > INT_MAX - kXaesTagBytes || ad.size() > INT_MAX) {
        return crypto_failure();
    }
    DerivedKey key;
    EVP_CIPHER_CTX *gcm = gcm_context();
    if (gcm == nullptr || !impl_->derive(nonce, key)) {
        return crypto_failure();
    }

    std::string sealed(plaintext.size() + kXaesTagBytes, '\0');
    auto *out = reinterpret_cast<unsigned char *>(sealed.data());
    int written = 0;
    const unsigned char *gcm_nonce = nonce.data() + kGcmNonceBytes;
    if (EVP_EncryptInit_ex2(gcm, nullptr, key.bytes.data(), gcm_nonce, nullptr) != 1 ||
        EVP_EncryptUpdate(gcm, nullptr, &written, as_bytes(ad), static_cast<int>(ad.size())) != 1 ||
        EVP_EncryptUpdate(gcm, out, &written, as_bytes(plaintext), static_cast<int>(plaintext.size())) != 1 ||
        EVP_EncryptFinal_ex(gcm, out + plaintext.size(), &written) != 1 ||
        EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, kXaesTagBytes, out + plaintext.size()) != 1) {
        return crypto_failure();
    }
    return sealed;
}

namespace {

/// key  the message's; nullptr: the context has it
/// out  may be where the ciphertext is: the tag is copied before anything is written
Result<size_t> decrypt(EVP_CIPHER_CTX *gcm, const unsigned char *key, const XaesNonce &nonce,
                       std::string_view ciphertext, std::string_view ad, std::span<char> out) {
    const size_t size = ciphertext.size() - kXaesTagBytes;
    std::array<unsigned char, kXaesTagBytes> tag;
    std::memcpy(tag.data(), ciphertext.data() + size, tag.size());
    auto *bytes = reinterpret_cast<unsigned char *>(out.data());
    int written = 0;
    const unsigned char *gcm_nonce = nonce.data() + kGcmNonceBytes;
    const OSSL_PARAM expected_tag[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_DecryptInit_ex2(gcm, nullptr, key, gcm_nonce, expected_tag) != 1) {
        return crypto_failure();
    }
    unsigned char nothing = 0;  // a null output would mean "this is associated data"
    unsigned char *target = size == 0 ? &nothing : bytes;
    if (EVP_DecryptUpdate(gcm, nullptr, &written, as_bytes(ad), static_cast<int>(ad.size())) != 1 ||
        EVP_DecryptUpdate(gcm, target, &written, as_bytes(ciphertext), static_cast<int>(size)) != 1 ||
        EVP_DecryptFinal_ex(gcm, target + size, &written) != 1) {
        OPENSSL_cleanse(out.data(), size);
        return seal_broken();
    }
    return size;
}

bool is_possible(std::string_view ciphertext, std::string_view ad) {
    return ciphertext.size() >= kXaesTagBytes && ciphertext.size() <= INT_MAX && ad.size() <= INT_MAX;
}

}  // namespace

Result<Secret> XaesKey::open(const XaesNonce &nonce, std::string_view ciphertext, std::string_view ad) const {
    if (!is_possible(ciphertext, ad)) {
        return seal_broken();
    }
    DerivedKey key;
    EVP_CIPHER_CTX *gcm = gcm_context();
    if (gcm == nullptr || !impl_->derive(nonce, key)) {
        return crypto_failure();
    }

    Secret plaintext = Secret::zeroed(ciphertext.size() - kXaesTagBytes);
    Result<size_t> opened =
        decrypt(gcm, key.bytes.data(), nonce, ciphertext, ad, {plaintext.data(), plaintext.size()});
    if (!opened) {
        return tl::unexpected(std::move(opened).error());
    }
    return plaintext;
}

Result<size_t> XaesKey::open_into(const XaesNonce &nonce, std::string_view ciphertext, std::string_view ad,
                                  std::span<char> out) const {
    if (!is_possible(ciphertext, ad)) {
        return seal_broken();
    }
    if (out.size() < ciphertext.size() - kXaesTagBytes) {
        return fail(Errc::kInternal, "the buffer is too small for the opened record");
    }
    MessageContext &message = message_context(nonce);
    const bool is_keyed = message.serial == impl_->serial && message.nonce == nonce;
    message.serial = 0;
    if (message.gcm == nullptr) {
        message.gcm = make_gcm();
    }
    DerivedKey key;
    if (message.gcm == nullptr || (!is_keyed && !impl_->derive(nonce, key))) {
        return crypto_failure();
    }

    Result<size_t> opened =
        decrypt(message.gcm.get(), is_keyed ? nullptr : key.bytes.data(), nonce, ciphertext, ad, out);
    if (opened) {
        message.serial = impl_->serial;
        message.nonce = nonce;
    }
    return opened;
}

}  // namespace nexus::crypto
