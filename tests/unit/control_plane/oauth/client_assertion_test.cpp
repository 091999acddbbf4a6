// private_key_jwt: keys in both forms, the claims, and keys that are refused.
#include "control_plane/oauth/client_assertion.h"

#include <cjose/cjose.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "control_plane/json/json.h"
#include "control_plane/oauth/token_request.h"

namespace nexus::control {
namespace {

std::string pem_of(EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    char *text = nullptr;
    long size = BIO_get_mem_data(bio, &text);
    std::string out(text, static_cast<size_t>(size));
    BIO_free(bio);
    EVP_PKEY_free(key);
    return out;
}

std::string rsa_pem(size_t bits = 2048) {
    return pem_of(EVP_RSA_gen(static_cast<unsigned>(bits)));
}

/// The private JWK, and the public half that verifies.
struct EcKey {
    std::string private_jwk;
    cjose_jwk_t *jwk;
    EcKey() {
        cjose_err error{};
        jwk = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
        cjose_jwk_set_kid(jwk, "k7", 2, &error);
        char *text = cjose_jwk_to_json(jwk, true, &error);
        private_jwk = text;
        cjose_get_dealloc()(text);
    }
    ~EcKey() { cjose_jwk_release(jwk); }
};

AssertionClaims claims() {
    return {"client-1", "https://idp.example", "jti-1", 1'800'000'000'999};
}

TEST(ClientAssertion, SignsWhatRfc7523Wants) {
    EcKey key;
    Result<Secret> token = client_assertion(key.private_jwk, "ES256", "", claims());
    ASSERT_TRUE(token) << token.error().message;
    cjose_err error{};
    cjose_jws_t *jws = cjose_jws_import(token->view().data(), token->size(), &error);
    ASSERT_NE(jws, nullptr);
    EXPECT_TRUE(cjose_jws_verify(jws, key.jwk, &error));
    EXPECT_STREQ(cjose_header_get(cjose_jws_get_protected(jws), CJOSE_HDR_KID, &error), "k7");
    uint8_t *text = nullptr;
    size_t size = 0;
    ASSERT_TRUE(cjose_jws_get_plaintext(jws, &text, &size, &error));
    json::Value got = *json::parse_object({reinterpret_cast<char *>(text), size});
    EXPECT_EQ(got.dump_canonical(), R"({"aud":"https://idp.example","exp":1800000060,"iat":1800000000,)"
                                    R"("iss":"client-1","jti":"jti-1","sub":"client-1"})");
    cjose_jws_release(jws);
}

TEST(ClientAssertion, TakesPemKeys) {
    EXPECT_TRUE(client_assertion(rsa_pem(), "RS256", "kid", claims()));
    std::string ec = pem_of(EVP_EC_gen("P-256"));
    EXPECT_TRUE(client_assertion(ec, "ES256", "", claims()));
    EXPECT_FALSE(client_assertion(ec, "RS256", "", claims()));
}

TEST(ClientAssertion, RefusesOtherKeys) {
    EXPECT_FALSE(check_assertion_key("", "RS256"));
    EXPECT_FALSE(check_assertion_key("just a secret", "RS256"));
    EXPECT_FALSE(check_assertion_key("{}", "RS256"));
    EXPECT_FALSE(check_assertion_key(rsa_pem(1024), "RS256"));
    EXPECT_FALSE(check_assertion_key(pem_of(EVP_EC_gen("P-384")), "ES256"));
    EXPECT_FALSE(check_assertion_key(R"({"kty":"oct","k":"c2VjcmV0"})", "RS256"));
    EXPECT_FALSE(check_assertion_key(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})", "ES256")) << "public";
    Result<void> refused = check_assertion_key("canary-secret", "RS256");
    EXPECT_EQ(refused.error().message.find("canary"), std::string::npos);
}

TEST(ClientAssertion, GoesIntoTheRequestInsteadOfASecret) {
    EcKey key;
    OAuthClient client;
    client.client_id = "client-1";
    client.client_secret = Secret{std::string_view{key.private_jwk}};
    client.auth = ClientAuth::kPrivateKeyJwt;
    client.profile.assertion_alg = "ES256";
    client.token_endpoint = "https://idp.example/token";
    Result<HttpRequest> request = token_request(client, client.token_endpoint, {}, {}, 1'800'000'000'000);
    ASSERT_TRUE(request) << request.error().message;
    ASSERT_EQ(request->form->size(), 3u);
    EXPECT_EQ((*request->form)[1].value.view(), kAssertionType);
    for (const FormField &field : *request->form) {
        EXPECT_NE(field.name, "client_secret");
        EXPECT_EQ(field.value.view().find("\"d\""), std::string_view::npos);
    }
    client.profile.assertion_alg = "RS256";
    EXPECT_EQ(token_request(client, client.token_endpoint, {}, {}, 0).error().errc, Errc::kInvalidKey);
}

}  // namespace
}  // namespace nexus::control
