#include "shared/caller/identity.h"

#include <gtest/gtest.h>

#include "shared/crypto/digest.h"

namespace nexus::caller {
namespace {

using namespace std::string_literals;

TEST(Identity, DigestsAreOfTheDocumentedTexts) {
    EXPECT_EQ(jwt_sha256("https://idp.example", "robot"),
              crypto::sha256_hex("nexus:caller:jwt\0https://idp.example\0robot"s));
    EXPECT_EQ(mtls_sha256("DNS:a.example"), crypto::sha256_hex("nexus:caller:mtls\0DNS:a.example"s));
    EXPECT_EQ(peer_sha256(1000), crypto::sha256_hex("nexus:caller:peer\0"s + "1000"));
    EXPECT_EQ(issuer_sha256("https://idp.example"),
              crypto::sha256_hex("nexus:caller:issuer\0https://idp.example"s));
}

TEST(Identity, PartsCannotBeMoved) {
    EXPECT_NE(jwt_sha256("https://idp.example/a", "b"), jwt_sha256("https://idp.example/", "ab"));
    EXPECT_NE(mtls_sha256("1000"), peer_sha256(1000));
}

TEST(Identity, MethodsByName) {
    for (const Method method : {Method::kApiKey, Method::kJwt, Method::kMtls, Method::kPeer}) {
        EXPECT_EQ(parse_method(to_string(method)), method);
    }
    EXPECT_EQ(parse_method("JWT"), std::nullopt);
    EXPECT_EQ(parse_method(""), std::nullopt);
}

TEST(Identity, NamesOfCertificatesHaveOneForm) {
    EXPECT_EQ(canonical_san("URI:spiffe://Example.org/Report"), "URI:spiffe://Example.org/Report");
    EXPECT_EQ(canonical_san("DNS:Report.Example"), "DNS:report.example");
    EXPECT_EQ(canonical_san("email:Report@Example.ORG"), "email:Report@example.org");
    for (const std::string &text :
         {""s, "DNS"s, "DNS:"s, "dns:a"s, "IP:127.0.0.1"s, "DNS:a b"s, "DNS:a\0b"s, "URI:\x80"s, "email:a"s,
          "email:@b"s, "email:a@"s, "DNS:" + std::string(kMaxSanBytes, 'a')}) {
        EXPECT_EQ(canonical_san(text), std::nullopt) << text;
    }
}

TEST(Identity, IssuersAreUrls) {
    for (const char *issuer : {"https://idp.example", "https://idp.example:8443/realms/a",
                               "http://127.0.0.1:8080", "http://localhost/x", "http://[::1]:1/"}) {
        EXPECT_TRUE(is_issuer(issuer)) << issuer;
    }
    for (const char *issuer :
         {"", "idp.example", "https://", "https:///x", "http://idp.example", "http://127.0.0.1.evil",
          "https://a?b", "https://a#b", "https://a b", "https://\xc3\xa9"}) {
        EXPECT_FALSE(is_issuer(issuer)) << issuer;
    }
}

TEST(Identity, SubjectsAreText) {
    EXPECT_TRUE(is_subject("repo:org/name:ref:refs/heads/main"));
    EXPECT_TRUE(is_subject("J\xc3\xb6rg"));
    EXPECT_FALSE(is_subject(""));
    EXPECT_FALSE(is_subject("a\nb"));
    EXPECT_FALSE(is_subject("a\0b"s));
    EXPECT_FALSE(is_subject("\xff"));
    EXPECT_FALSE(is_subject(std::string(256, 'a')));
}

}  // namespace
}  // namespace nexus::caller
