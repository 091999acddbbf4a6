// Wiping is explicit_bzero, which the optimiser may not drop. Tokens are long: OPENSSL_cleanse, eight bytes at a
// time, showed in the edge's profile.
#include "shared/secret.h"

#include <openssl/crypto.h>
#include <string.h>
#include <utility>

namespace nexus {

Secret::Secret(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}

Secret::Secret(std::string &&bytes) : bytes_(bytes.begin(), bytes.end()) {
    nexus::wipe(bytes);
}

Secret::Secret(Secret &&other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
}

Secret &Secret::operator=(Secret &&other) noexcept {
    if (this != &other) {
        wipe();
        bytes_ = std::move(other.bytes_);
        other.bytes_.clear();
    }
    return *this;
}

Secret::~Secret() {
    wipe();
}

Secret Secret::zeroed(size_t size) {
    Secret secret;
    secret.bytes_.resize(size);
    return secret;
}

Secret Secret::clone() const {
    return Secret{view()};
}

void Secret::truncate(size_t size) noexcept {
    if (size < bytes_.size()) {
        explicit_bzero(bytes_.data() + size, bytes_.size() - size);
        bytes_.resize(size);
    }
}

void Secret::wipe() noexcept {
    if (!bytes_.empty()) {
        explicit_bzero(bytes_.data(), bytes_.size());
    }
    bytes_.clear();
}

void wipe(std::string &text) noexcept {
    // Growing to the capacity allocates nothing and reaches what an earlier, longer value left behind.
    text.resize(text.capacity());
    explicit_bzero(text.data(), text.size());
    text.clear();
}

bool constant_time_equal(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace nexus
