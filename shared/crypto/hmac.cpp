// A context of OpenSSL's for each message, as one that is kept would hold on to the key; or for each key,
// where whoever has it wants that.
#include "shared/crypto/hmac.h"

#include <openssl/core_names.h>
#include <array>
#include <stdexcept>

#include "shared/crypto/openssl_ptr.h"

namespace nexus::crypto {

namespace {

[[noreturn]] void fail_hmac() {
    throw std::runtime_error("OpenSSL cannot provide HMAC");
}

const char *name_of(HashName hash) {
    switch (hash) {
        case HashName::kSha1:
            return "SHA1";
        case HashName::kSha512:
            return "SHA512";
        case HashName::kSha256:
            break;
    }
    return "SHA256";
}

/// A context that knows its hash and no key yet. nullptr: OpenSSL has none
EVP_MAC_CTX *make_keyless(HashName hash) {
    EVP_MAC *const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    EVP_MAC_CTX *const ctx = algorithm == nullptr ? nullptr : EVP_MAC_CTX_new(algorithm);
    std::string name = name_of(hash);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
                                 OSSL_PARAM_construct_end()};
    return ctx != nullptr && EVP_MAC_CTX_set_params(ctx, params) == 1 ? ctx : nullptr;
}

/// Finding a hash by its name costs more than hashing a short message: it is done once, and copied. Never
/// freed: they must outlive every context, and OpenSSL frees them at exit.
const EVP_MAC_CTX *keyless(HashName hash) {
    static const std::array<EVP_MAC_CTX *, 3> kept = {
        make_keyless(HashName::kSha1), make_keyless(HashName::kSha256), make_keyless(HashName::kSha512)};
    return kept[static_cast<size_t>(hash)];
}

MacCtxPtr keyed(HashName hash, std::string_view key) {
    const EVP_MAC_CTX *const known = keyless(hash);
    MacCtxPtr ctx(known == nullptr ? nullptr : EVP_MAC_CTX_dup(known));
    static constexpr unsigned char kNoKey[1] = {};  // a null pointer would mean "keep the key"
    if (ctx == nullptr ||
        EVP_MAC_init(ctx.get(), key.empty() ? kNoKey : as_bytes(key), key.size(), nullptr) != 1) {
        fail_hmac();
    }
    return ctx;
}

}  // namespace

struct Hmac::Impl {
    MacCtxPtr ctx;
};

Hmac::Hmac(HashName hash, std::string_view key) : impl_(new Impl{keyed(hash, key)}) {}

Hmac::~Hmac() = default;
Hmac::Hmac(Hmac &&) noexcept = default;
Hmac &Hmac::operator=(Hmac &&) noexcept = default;

Hmac &Hmac::update(std::string_view bytes) {
    if (!bytes.empty() && EVP_MAC_update(impl_->ctx.get(), as_bytes(bytes), bytes.size()) != 1) {
        fail_hmac();
    }
    return *this;
}

std::string Hmac::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac;
    size_t length = 0;
    if (EVP_MAC_final(impl_->ctx.get(), mac.data(), &length, mac.size()) != 1) {
        fail_hmac();
    }
    return {reinterpret_cast<const char *>(mac.data()), length};
}

struct HmacSha256Key::Impl {
    MacCtxPtr ctx;
};

HmacSha256Key::HmacSha256Key(std::string_view key) : impl_(new Impl{keyed(HashName::kSha256, key)}) {}

HmacSha256Key::~HmacSha256Key() = default;
HmacSha256Key::HmacSha256Key(HmacSha256Key &&) noexcept = default;
HmacSha256Key &HmacSha256Key::operator=(HmacSha256Key &&) noexcept = default;

Sha256 HmacSha256Key::code_of(std::string_view message) {
    EVP_MAC_CTX *const ctx = impl_->ctx.get();
    Sha256 code;
    size_t size = 0;
    if (EVP_MAC_init(ctx, nullptr, 0, nullptr) != 1 ||  // begins anew with the key that it has
        EVP_MAC_update(ctx, as_bytes(message), message.size()) != 1 ||
        EVP_MAC_final(ctx, code.data(), &size, code.size()) != 1 || size != code.size()) {
        fail_hmac();
    }
    return code;
}

}  // namespace nexus::crypto
