// DPoP: the proof as RFC 9449 section 4.2 wants it, verified by the key in its own header; nonces by server.
#include "control_plane/oauth/dpop.h"

#include <cjose/cjose.h>
#include <gtest/gtest.h>

#include "control_plane/json/json.h"
#include "control_plane/oauth/token_endpoint.h"
#include "shared/encoding/base64.h"

namespace nexus::control {
namespace {

json::Value part_of(const std::string &jws, int number) {
    size_t start = 0;
    for (int i = 0; i < number; ++i) {
        start = jws.find('.', start) + 1;
    }
    return *json::parse_object(
        *encoding::base64url_decode(std::string_view{jws}.substr(start, jws.find('.', start) - start)));
}

// The token and the hash of RFC 9449 section 7.1's example.
TEST(Dpop, TheProofBelongsToTheTokenThatIsShownWithIt) {
    const Result<std::string> proof =
        dpop_proof(*new_dpop_key(), jose::DpopClaims{"GET", "https://resource.example.org/protectedresource",
                                                     "", "e1j3V_bKic8-LAEB", 1562262618000,
                                                     "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"});
    ASSERT_TRUE(proof);
    EXPECT_EQ(part_of(*proof, 1).get("ath").as_string(), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
}

TEST(Dpop, TheProofSaysWhatItIsFor) {
    Secret key = *new_dpop_key();
    Result<std::string> proof = dpop_proof(
        key, jose::DpopClaims{"POST", "https://idp.example/token?x=1#f", "n-1", "j-1", 1'800'000'000'999});
    ASSERT_TRUE(proof) << proof.error().message;
    const json::Value header = part_of(*proof, 0);
    EXPECT_EQ(header.get("typ").as_string(), "dpop+jwt");
    EXPECT_EQ(header.get("alg").as_string(), "ES256");
    EXPECT_EQ(header.get("jwk").get("crv").as_string(), "P-256");
    EXPECT_TRUE(header.get("jwk").get("d").is_null()) << "the public half only";
    const json::Value claims = part_of(*proof, 1);
    EXPECT_EQ(claims.get("htm").as_string(), "POST");
    EXPECT_EQ(claims.get("htu").as_string(), "https://idp.example/token");
    EXPECT_EQ(claims.get("iat").as_integer(), 1'800'000'000);
    EXPECT_EQ(claims.get("jti").as_string(), "j-1");
    EXPECT_EQ(claims.get("nonce").as_string(), "n-1");
    EXPECT_FALSE(claims.contains("ath"));
    cjose_err error{};
    const std::string jwk = header.get("jwk").dump_text();
    cjose_jwk_t *public_key = cjose_jwk_import(jwk.data(), jwk.size(), &error);
    cjose_jws_t *jws = cjose_jws_import(proof->data(), proof->size(), &error);
    ASSERT_NE(jws, nullptr);
    EXPECT_TRUE(cjose_jws_verify(jws, public_key, &error));
    cjose_jws_release(jws);
    cjose_jwk_release(public_key);
}

TEST(Dpop, KeysDifferAndRubbishIsNone) {
    EXPECT_NE(new_dpop_key()->view(), new_dpop_key()->view());
    EXPECT_EQ(dpop_proof(Secret{std::string_view{"{}"}}, jose::DpopClaims{"POST", "https://i/t", "", "j", 0})
                  .error()
                  .errc,
              Errc::kInvalidKey);
}

TEST(DpopNonces, AreKeptByServer) {
    DpopNonces nonces;
    nonces.remember("https://a.example/token", "one");
    nonces.remember("https://a.example:443/par", "two");
    nonces.remember("https://b.example/token", "bad nonce");
    EXPECT_EQ(nonces.of("https://a.example/other"), "two");
    EXPECT_EQ(nonces.of("https://b.example/token"), "");
    EXPECT_EQ(nonces.of("http://a.example/token"), "");
    for (int i = 0; i < 1000; ++i) {
        nonces.remember("https://" + std::to_string(i) + ".example/", "n");
    }
    EXPECT_EQ(nonces.of("https://999.example/"), "n") << "bounded, and the newest is there";
}

/// A provider that wants its nonce, or says that it does.
struct Provider {
    std::vector<std::string> proofs;
    std::vector<std::string> assertions;
    std::string token_type = "DPoP";
    bool wants_forever = false;

    Fetch fetch() {
        return [this](const HttpRequest &request) -> Result<HttpResponse> {
            HttpResponse response;
            std::string proof;
            for (const auto &[name, value] : request.headers) {
                proof = name == "DPoP" ? value : proof;
            }
            proofs.push_back(proof);
            for (const FormField &field : *request.form) {
                if (field.name == "client_assertion") {
                    assertions.emplace_back(field.value.view());
                }
            }
            const bool fresh = !proof.empty() && part_of(proof, 1).get("nonce").as_string() == "n-1";
            response.headers = {{"dpop-nonce", "n-1"}};
            response.status = fresh && !wants_forever ? 200 : 400;
            std::string body = response.status == 200
                                   ? R"({"access_token":"a","token_type":")" + token_type + "\"}"
                                   : R"({"error":"use_dpop_nonce"})";
            response.body = Secret{std::move(body)};
            return response;
        };
    }
};

OAuthClient client() {
    OAuthClient out;
    out.client_id = "c";
    out.auth = ClientAuth::kNone;
    out.token_endpoint = "https://idp.example/token";
    out.profile.dpop = true;
    EXPECT_TRUE(use_dpop_key(out, Secret{}));
    return out;
}

TEST(Dpop, TheServersNonceIsTakenAndRemembered) {
    Provider provider;
    TokenEndpoint endpoint(provider.fetch(), [] { return 0; });
    EXPECT_EQ(endpoint.refresh(client(), Secret{std::string_view{"r"}}).token_type, "DPoP");
    EXPECT_EQ(provider.proofs.size(), 2u);
    endpoint.refresh(client(), Secret{std::string_view{"r"}});
    EXPECT_EQ(provider.proofs.size(), 3u) << "remembered";
    EXPECT_NE(part_of(provider.proofs[0], 1).get("jti").as_string(),
              part_of(provider.proofs[1], 1).get("jti").as_string());
}

TEST(Dpop, ANonceThatNeverFitsIsTriedTwice) {
    Provider provider;
    provider.wants_forever = true;
    TokenEndpoint endpoint(provider.fetch(), [] { return 0; });
    TokenResponse got = endpoint.refresh(client(), Secret{std::string_view{"r"}});
    EXPECT_EQ(got.outcome, TokenOutcome::kConfiguration);
    EXPECT_EQ(got.reason, "use_dpop_nonce");
    EXPECT_EQ(provider.proofs.size(), 2u);
}

// RFC 9449 section 5: a server that does not know DPoP answers with a Bearer token.
TEST(Dpop, ATokenMustBeBoundAsAsked) {
    Provider provider;
    provider.token_type = "Bearer";
    TokenEndpoint endpoint(provider.fetch(), [] { return 0; });
    EXPECT_EQ(endpoint.refresh(client(), Secret{std::string_view{"r"}}).reason, "dpop_not_bound");
    const Fetch bound = [](const HttpRequest &) -> Result<HttpResponse> {
        HttpResponse response;
        response.status = 200;
        response.body = Secret{std::string_view{R"({"access_token":"a","token_type":"dpop"})"}};
        return response;
    };
    OAuthClient without = client();
    without.dpop_key = Secret{};
    TokenEndpoint other(bound, [] { return 0; });
    EXPECT_EQ(other.refresh(without, Secret{std::string_view{"r"}}).reason, "dpop_not_asked_for");
}

TEST(Dpop, AConnectionsOwnKeyIsUsed) {
    OAuthClient first = client();
    OAuthClient second = client();
    ASSERT_TRUE(use_dpop_key(second, first.dpop_key));
    EXPECT_EQ(second.dpop_key.view(), first.dpop_key.view());
    OAuthClient none;
    ASSERT_TRUE(use_dpop_key(none, first.dpop_key));
    EXPECT_TRUE(none.dpop_key.empty()) << "the profile does not ask for it";
}

}  // namespace
}  // namespace nexus::control
