// JWTs as callers present them, forged ones too: any bytes, and header, payload and signature of any bytes
// under a good form. None is accepted, because nobody here has the key; what is read before that stays within
// its bounds.
#include <string>

#include "shared/caller/identity.h"
#include "shared/encoding/base64.h"
#include "shared/jose/access_token.h"
#include "tests/fuzz/fuzz.h"

namespace nexus::jose {
namespace {

using fuzz::require;

constexpr std::string_view kKeys =
    R"({"keys":[{"kid":"e","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},{"kid":"o","kty":"OKP","crv":"Ed25519",)"
    R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

void verify(std::string_view token) {
    static const JwkSet keys = JwkSet::parse(kKeys).value();
    static const AccessTokenPolicy policy{"https://idp.example", {"api://edge"}, {"ES256", "EdDSA"}, 30, 600};
    const auto verified = verify_access_token(token, policy, keys, 1'800'000'000);
    require(!verified && !to_string(verified.error()).empty());

    const auto unverified = read_unverified(token);
    if (unverified) {
        // Whatever the signature's part is made of: it is looked at when the token is verified.
        require(caller::is_issuer(unverified->issuer) && unverified->kid.size() <= kMaxKidBytes);
        require(caller::issuer_sha256(unverified->issuer).size() == 64);
    }
}

}  // namespace
}  // namespace nexus::jose

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using nexus::encoding::base64url_encode;
    std::string_view rest = nexus::fuzz::as_text(data, size);
    nexus::jose::verify(rest);
    const std::string_view header = nexus::fuzz::take_part(rest);
    const std::string_view payload = nexus::fuzz::take_part(rest);
    const std::string tail = "." + base64url_encode(payload) + "." + base64url_encode(rest);
    nexus::jose::verify(base64url_encode(header) + tail);
    nexus::jose::verify(base64url_encode(R"({"alg":"ES256","kid":"e"})") + tail);
    nexus::jose::verify(base64url_encode(R"({"alg":"EdDSA","kid":"o","typ":"at+jwt"})") + tail);
    return 0;
}
