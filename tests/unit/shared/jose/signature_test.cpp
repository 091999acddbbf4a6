// Signatures of the RFCs' own examples.
#include <gtest/gtest.h>

#include "shared/encoding/base64.h"
#include "shared/jose/compact.h"
#include "shared/jose/jwk_set.h"

namespace nexus::jose {
namespace {

struct Vector {
    const char *name;
    const char *algorithm;
    const char *key;
    const char *token;
};

class PublishedVector : public testing::TestWithParam<Vector> {
protected:
    bool is_signed(std::string_view token) const {
        const JwkSet keys = JwkSet::parse(R"({"keys":[)" + std::string{GetParam().key} + "]}").value();
        const SignatureAlgorithm &algorithm = *find_signature_algorithm(GetParam().algorithm);
        const CompactParts parts = split_compact(token, 4096).value();
        return verify_signature(**keys.choose("", algorithm), algorithm, parts.signed_text,
                                encoding::base64url_decode(parts.signature).value());
    }
};

TEST_P(PublishedVector, IsVerified) {
    EXPECT_TRUE(is_signed(GetParam().token));
}

TEST_P(PublishedVector, IsRefusedWithAnyByteChanged) {
    const std::string token = GetParam().token;
    const size_t payload = token.find('.') + 1;
    const size_t signature = token.rfind('.') + 1;
    for (const size_t at : {size_t{3}, payload + 2, signature, signature + 20}) {
        std::string forged = token;
        forged[at] = forged[at] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(is_signed(forged)) << at;
    }
    EXPECT_FALSE(is_signed(token.substr(0, signature))) << "no signature";
    EXPECT_FALSE(is_signed(token + "AAAA")) << "a longer one";
}

INSTANTIATE_TEST_SUITE_P(
    Rfc, PublishedVector,
    testing::Values(
        Vector{
            "Rfc7515_A2", "RS256",
            R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})",
            "eyJhbGciOiJSUzI1NiJ9."
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
            "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
            "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
            "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
            "IoypGlUPQGe77Rw"},
        Vector{
            "Rfc7515_A3", "ES256",
            R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
            "eyJhbGciOiJFUzI1NiJ9."
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
        Vector{"Rfc8037_A4", "EdDSA",
               R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
               "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
               "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(Jwk, RefusesAPointThatIsNotOnItsCurve) {
    const JwkSet keys = JwkSet::parse(R"({"keys":[{"kty":"EC","crv":"P-256","kid":"e",)"
                                      R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                                      R"("y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}]})")
                            .value();
    EXPECT_EQ(keys.usable(), 0u);
    EXPECT_EQ(keys.choose("e", *find_signature_algorithm("ES256")).error(), Refusal::kKeyMalformed);
}

TEST(JwkSet, TellsItsUsableKeysOnAndNothingElse) {
    const std::string good =
        R"({"kty":"OKP","crv":"Ed25519","kid":"o","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")";
    const JwkSet keys = JwkSet::parse(R"({"more":1,"keys":[)" + good +
                                      R"(,"use":"sig","x5c":["..."]},{"kty":"oct","k":"AAAA"},)" + good +
                                      R"(,"d":"secret"}]})")
                            .value();
    EXPECT_EQ(keys.public_text(), R"({"keys":[{"crv":"Ed25519","kid":"o","kty":"OKP",)"
                                  R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
    EXPECT_EQ(JwkSet::parse(keys.public_text()).value().usable(), 1u);
}

TEST(LooksLikeJwt, ThreePartsOfBase64Url) {
    EXPECT_TRUE(looks_like_jwt("a.b-_.Z9"));
    for (const char *text :
         {"", ".", "..", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "a.b.c=", "a.b c.d", "a.b.\x80"}) {
        EXPECT_FALSE(looks_like_jwt(text)) << text;
    }
}

TEST(Refusal, EachHasACodeOfItsOwn) {
    std::string seen = " ";
    for (const Refusal refusal : refusals()) {
        const std::string code = " " + std::string{to_string(refusal)} + " ";
        EXPECT_EQ(seen.find(code), std::string::npos) << code;
        seen += code;
    }
}

}  // namespace
}  // namespace nexus::jose
