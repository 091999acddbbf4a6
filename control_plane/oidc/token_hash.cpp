// at_hash and c_hash: see token_hash.h.
#include "control_plane/oidc/token_hash.h"

#include <openssl/evp.h>

#include <array>

#include "shared/encoding/base64.h"

namespace nexus::control {

Result<std::string> half_hash(std::string_view value, const jose::SignatureAlgorithm &algorithm) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    size_t size = 0;
    const std::string hash{algorithm.hash};
    if (EVP_Q_digest(nullptr, hash.c_str(), nullptr, value.data(), value.size(), digest.data(), &size) != 1) {
        return fail(Errc::kCryptoFailure, "the digest could not be computed");
    }
    return encoding::base64url_encode({reinterpret_cast<const char *>(digest.data()), size / 2});
}

}  // namespace nexus::control
