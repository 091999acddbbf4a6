// id_tokens as a provider sends them, forged ones too: header, payload and signature of any bytes, also under
// a good header. None is accepted, because nobody here has the key; each refusal has its code; none is a
// crash.
#include <string>

#include "control_plane/oidc/id_token.h"
#include "shared/encoding/base64.h"
#include "tests/fuzz/fuzz.h"

namespace nexus::control {
namespace {

using fuzz::require;

constexpr std::string_view kKeys =
    R"({"keys":[{"kid":"e","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},{"kid":"o","kty":"OKP","crv":"Ed25519",)"
    R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

const jose::JwkSet &keys() {
    static const jose::JwkSet set = jose::JwkSet::parse(kKeys).value();
    return set;
}

void verify(std::string_view token) {
    IdTokenExpectation expected;
    expected.issuer = "https://idp.example";
    expected.client_id = "client-1";
    expected.nonce = "nonce-1";
    expected.now = 1'800'000'000'000;
    const Result<IdClaims> claims = verify_id_token(token, keys(), expected);
    require(!claims && claims.error().errc == Errc::kInvalidIdToken);
    require(refusal_code(claims.error()) != "internal");
    (void)nonce_of_kept_id_token(token);
}

}  // namespace
}  // namespace nexus::control

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using nexus::encoding::base64url_encode;
    std::string_view rest = nexus::fuzz::as_text(data, size);
    nexus::control::verify(rest);
    const std::string_view header = nexus::fuzz::take_part(rest);
    const std::string_view payload = nexus::fuzz::take_part(rest);
    const std::string tail = "." + base64url_encode(payload) + "." + base64url_encode(rest);
    nexus::control::verify(base64url_encode(header) + tail);
    nexus::control::verify(base64url_encode(R"({"alg":"ES256","kid":"e"})") + tail);
    nexus::control::verify(base64url_encode(R"({"alg":"EdDSA","kid":"o"})") + tail);
    // The claims of a good signature are read by this:
    const auto claims = nexus::control::json::parse_object(payload);
    if (claims) {
        const nexus::control::IdentityClaims identity = nexus::control::identity_claims_from(*claims);
        nexus::fuzz::require(identity.sub.size() <= nexus::control::kMaxSubjectBytes);
    }
    return 0;
}
