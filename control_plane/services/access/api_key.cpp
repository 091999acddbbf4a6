// API keys as text: see api_key.h.
#include "control_plane/services/access/api_key.h"

#include "shared/crypto/digest.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

constexpr std::string_view kIdAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kSecretAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kIdChars = 16;
constexpr size_t kSecretBytes = 32;
constexpr size_t kSecretChars = 43;

}  // namespace

// From random bytes without bias: bytes of 252 and above are drawn again.
std::string new_key_id() {
    constexpr unsigned kFair = 256 - 256 % kIdAlphabet.size();
    std::string id;
    while (id.size() < kIdChars) {
        for (char c : crypto::random_bytes(kIdChars)) {
            auto byte = static_cast<unsigned char>(c);
            if (byte < kFair && id.size() < kIdChars) {
                id += kIdAlphabet[byte % kIdAlphabet.size()];
            }
        }
    }
    return id;
}

NewKey new_api_key(std::string_view prefix, UnixMs now, UnixMs expires_at) {
    NewKey key;
    key.key_id = new_key_id();
    std::string secret = encoding::base64url_encode(crypto::random_bytes(kSecretBytes));
    std::string text = std::string{prefix} + key.key_id + "_" + secret;
    wipe(secret);
    key.text = Secret{std::move(text)};
    key.sha256 = crypto::sha256_hex(key.text.view());
    key.created_at = now;
    key.expires_at = expires_at;
    return key;
}

bool is_api_key_id(std::string_view text) noexcept {
    return text.size() == kIdChars && text.find_first_not_of(kIdAlphabet) == std::string_view::npos;
}

bool is_api_key(std::string_view prefix, std::string_view text) noexcept {
    const size_t secret_at = prefix.size() + kIdChars + 1;
    return text.size() == secret_at + kSecretChars && text.starts_with(prefix) &&
           text[secret_at - 1] == '_' && is_api_key_id(text.substr(prefix.size(), kIdChars)) &&
           text.substr(secret_at).find_first_not_of(kSecretAlphabet) == std::string_view::npos;
}

}  // namespace nexus::control
