// The reference's sealed rows: see sealed_row.h.
#include "control_plane/takeover/sealed_row.h"

#include <climits>

#include "shared/crypto/openssl_ptr.h"
#include "shared/encoding/base64.h"

namespace nexus::control::takeover {

namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    size_t begin = text.find_first_not_of(kBlank);
    return begin == std::string_view::npos ? std::string_view{}
                                           : text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

Result<ReferenceKey> ReferenceKey::from_base64(std::string_view text) {
    Result<std::string> bytes = encoding::base64_decode(trimmed(text));
    bool good = bytes && bytes->size() == kKeyBytes;
    Secret key = bytes ? Secret{std::move(*bytes)} : Secret{};
    if (!good) {
        return fail(Errc::kInvalidKey, "the reference's ENCRYPTION_KEY must be base64 of exactly 32 bytes");
    }
    return ReferenceKey{std::move(key)};
}

Result<Secret> ReferenceKey::open(std::string_view sealed) const {
    Result<std::string> bytes = encoding::base64_decode(trimmed(sealed));
    if (!bytes || bytes->size() < kNonceBytes + kTagBytes || bytes->size() > INT_MAX) {
        return fail(Errc::kMalformedRecord, "the sealed credentials are no base64 of a sealed text");
    }
    std::string_view nonce = std::string_view{*bytes}.substr(0, kNonceBytes);
    std::string tag = bytes->substr(bytes->size() - kTagBytes);
    std::string_view ciphertext =
        std::string_view{*bytes}.substr(kNonceBytes, bytes->size() - kNonceBytes - kTagBytes);

    crypto::CipherCtxPtr gcm{EVP_CIPHER_CTX_new()};
    Secret plain = Secret::zeroed(ciphertext.size());
    unsigned char nothing = 0;  // a null output would mean "this is associated data"
    auto *out = plain.empty() ? &nothing : reinterpret_cast<unsigned char *>(plain.data());
    int written = 0;
    if (gcm == nullptr || EVP_DecryptInit_ex(gcm.get(), EVP_aes_256_gcm(), nullptr,
                                             crypto::as_bytes(key_.view()), crypto::as_bytes(nonce)) != 1) {
        return fail(Errc::kCryptoFailure, "OpenSSL refused AES-256-GCM");
    }
    if (EVP_CIPHER_CTX_ctrl(gcm.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1 ||
        EVP_DecryptUpdate(gcm.get(), out, &written, crypto::as_bytes(ciphertext),
                          static_cast<int>(ciphertext.size())) != 1 ||
        EVP_DecryptFinal_ex(gcm.get(), out + plain.size(), &written) != 1) {
        return fail(Errc::kSealBroken, "the sealed credentials do not open: another key, or damaged");
    }
    return plain;
}

}  // namespace nexus::control::takeover
