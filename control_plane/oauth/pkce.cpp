// PKCE: see pkce.h.
#include "control_plane/oauth/pkce.h"

#include "shared/crypto/digest.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

Secret new_code_verifier() {
    std::string bytes = crypto::random_bytes(32);
    Secret verifier{encoding::base64url_encode(bytes)};
    wipe(bytes);
    return verifier;
}

bool is_code_verifier(std::string_view text) noexcept {
    constexpr std::string_view kUnreserved =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    return text.size() >= 43 && text.size() <= 128 &&
           text.find_first_not_of(kUnreserved) == std::string_view::npos;
}

Result<std::string> pkce_s256_challenge(std::string_view verifier) {
    if (!is_code_verifier(verifier)) {
        return fail(Errc::kInvalidRequest, "code_verifier is not 43..128 unreserved characters");
    }
    return encoding::base64url_encode(crypto::as_view(crypto::sha256(verifier)));
}

}  // namespace nexus::control
