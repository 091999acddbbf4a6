// Proofs, verified by the key in their own header as a server does; keys of RFC 7517 appendix A.2 and
// RFC 8037 appendix A. tests/module/dpop.test.mjs has them verified by code that is not ours.
#include "shared/jose/dpop_key.h"

#include <gtest/gtest.h>

#include "shared/encoding/base64.h"
#include "shared/jose/json.h"

namespace nexus::jose {
namespace {

constexpr std::string_view kEc =
    R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
    R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"})";
constexpr std::string_view kEd25519 =
    R"({"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",)"
    R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

struct Read {
    JsonPtr header;
    JsonPtr payload;
    bool is_verified = false;
};

JsonPtr part(std::string_view text) {
    JsonFault fault;
    return parse_object(*encoding::base64url_decode(text), fault);
}

Read read(const std::string &proof) {
    const size_t first = proof.find('.'), second = proof.rfind('.');
    const std::string_view text = proof;
    Read out{part(text.substr(0, first)), part(text.substr(first + 1, second - first - 1))};
    const std::string_view alg = text_of(out.header.get(), "alg");
    const Jwk key = read_jwk(json_object_get(out.header.get(), "jwk"));
    const SignatureAlgorithm *algorithm = find_signature_algorithm(alg);
    out.is_verified =
        algorithm != nullptr && verify_signature(key, *algorithm, text.substr(0, second),
                                                 *encoding::base64url_decode(text.substr(second + 1)));
    return out;
}

TEST(DpopKey, ProofsAreVerifiedByTheKeyInTheirHeader) {
    for (const std::string_view jwk : {kEc, kEd25519}) {
        const Result<DpopKey> key = DpopKey::parse(jwk);
        ASSERT_TRUE(key) << key.error().message;
        for (int i = 0; i < 50; ++i) {  // an ECDSA signature's numbers are short now and then
            const Read proof =
                read(*key->proof({.method = "GET", .uri = "https://a/", .jti = "j", .now = i}));
            ASSERT_TRUE(proof.is_verified) << jwk;
            EXPECT_EQ(text_of(proof.header.get(), "typ"), "dpop+jwt");
            EXPECT_FALSE(contains(json_object_get(proof.header.get(), "jwk"), "d"));
        }
    }
}

// The token and its hash: RFC 9449 section 7.1.
TEST(DpopKey, SaysWhatTheProofIsFor) {
    const DpopKey key = *DpopKey::parse(kEc);
    const Read proof = read(*key.proof({.method = "POST",
                                        .uri = "https://a.example/p%41/\xc3\xa4\"<|>?x=1#f",
                                        .nonce = "n-1",
                                        .jti = "j-1",
                                        .now = 1'800'000'000'999,
                                        .access_token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"}));
    const json_t *claims = proof.payload.get();
    EXPECT_EQ(text_of(claims, "htm"), "POST");
    EXPECT_EQ(text_of(claims, "htu"), "https://a.example/p%41/%C3%A4%22<|>");
    EXPECT_EQ(text_of(claims, "nonce"), "n-1");
    EXPECT_EQ(text_of(claims, "jti"), "j-1");
    EXPECT_EQ(json_integer_value(json_object_get(claims, "iat")), 1'800'000'000);
    EXPECT_EQ(text_of(claims, "ath"), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");

    const Read bare = read(*key.proof({.method = "GET", .uri = "https://a/", .nonce = "a\"b", .jti = "j"}));
    EXPECT_FALSE(contains(bare.payload.get(), "nonce")) << "what is no nonce is left out";
    EXPECT_FALSE(contains(bare.payload.get(), "ath"));
}

TEST(DpopKey, WhatIsNoPrivateKeyIsRefused) {
    const std::string ec{kEc}, okp{kEd25519};
    auto without = [](std::string text, const std::string &member) {
        return text.replace(text.find('"' + member + '"'), member.size() + 2, "\"_\"");
    };
    auto other = [](std::string text, const std::string &member) {  // the same length, another number
        char &c = text[text.find('"' + member + "\":\"") + member.size() + 10];
        c = c == 'A' ? 'B' : 'A';
        return text;
    };
    for (const std::string &text :
         {std::string{}, std::string{"{}"}, std::string{"[]"}, without(ec, "d"), without(ec, "y"),
          without(okp, "d"), without(okp, "kty"), other(ec, "d"), other(ec, "x"), other(okp, "x"),
          std::string{R"({"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"})"}}) {
        EXPECT_EQ(DpopKey::parse(text).error().errc, Errc::kInvalidKey) << text;
    }
}

TEST(DpopKey, Nonces) {
    EXPECT_TRUE(is_dpop_nonce("eyJ7S_zG.eyJH0-Z.HX4w-7v"));
    EXPECT_TRUE(is_dpop_nonce(std::string(512, 'a')));
    for (const std::string &text : {std::string{}, std::string{"a b"}, std::string{"a\\b"},
                                    std::string{"\"a\""}, std::string{"\xc3\xa4"}, std::string(513, 'a')}) {
        EXPECT_FALSE(is_dpop_nonce(text)) << text;
    }
}

}  // namespace
}  // namespace nexus::jose
