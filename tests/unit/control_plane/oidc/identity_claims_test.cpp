// Claims in one form: what Google and Azure send, and what is as good as not sent.
#include "control_plane/oidc/identity_claims.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

IdentityClaims claims_of(const std::string &text) {
    return identity_claims_from(json::parse(text).value());
}

TEST(IdentityClaims, OfGoogle) {
    const IdentityClaims got = claims_of(
        R"({"iss":"https://accounts.google.com","sub":"110169484474386276334","hd":"example.com",
            "email":"jane@example.com","email_verified":true,"name":"Jane Doe","given_name":"Jane",
            "family_name":"Doe","picture":"https://lh3.googleusercontent.com/a/photo","locale":"en"})");
    EXPECT_EQ(
        to_json(got).dump_text(),
        R"({"sub":"110169484474386276334","email":"jane@example.com","email_verified":true,"name":"Jane Doe",)"
        R"("given_name":"Jane","family_name":"Doe","picture":"https://lh3.googleusercontent.com/a/photo",)"
        R"("locale":"en","hd":"example.com"})");
}

TEST(IdentityClaims, OfAzure) {
    const IdentityClaims got = claims_of(
        R"({"sub":"AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ","oid":"00000000-0000-0000-66f3-3332eca7ea81",
            "tid":"9122040d-6c67-4c5b-b112-36a304b66dad","name":"Zoë Müller","preferred_username":"zoe@contoso.example"})");
    EXPECT_EQ(to_json(got).dump_text(),
              R"({"sub":"AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ","name":"Zoë Müller",)"
              R"("tenant":"9122040d-6c67-4c5b-b112-36a304b66dad"})");
}

TEST(IdentityClaims, TruthAsText) {
    EXPECT_EQ(claims_of(R"({"email_verified":"true"})").email_verified, true);
    EXPECT_EQ(claims_of(R"({"email_verified":"false"})").email_verified, false);
    EXPECT_EQ(claims_of(R"({"email_verified":false})").email_verified, false);
    for (const char *text : {R"("True")", R"("1")", R"("yes")", "1", "0", "null", "[]"}) {
        EXPECT_EQ(claims_of(R"({"email_verified":)" + std::string{text} + "}").email_verified, std::nullopt)
            << text;
    }
}

TEST(IdentityClaims, WhatIsOfNoUseIsLeftOut) {
    const IdentityClaims none;
    for (const char *text :
         {"{}", "[]",
          R"({"sub":7,"email":["a@b"],"name":{"first":"a"},"locale":{"country":"US"},"tid":true})",
          R"({"sub":"","email":"","name":"","picture":""})",
          R"({"sub":"\u00e9","name":"a\nb","email":"a\u007fb"})", R"({"picture":"javascript:alert"})",
          R"({"picture":"data:text/html,x"})", R"({"picture":"https://a/ onload"})",
          R"({"picture":"//example.com/a"})"}) {
        EXPECT_EQ(claims_of(text), none) << text;
    }
}

TEST(IdentityClaims, Limits) {
    const auto with = [](const std::string &name, size_t bytes, const std::string &start = "") {
        return claims_of("{\"" + name + "\":\"" + start + std::string(bytes - start.size(), 'x') + "\"}");
    };
    EXPECT_EQ(with("sub", kMaxSubjectBytes).sub.size(), kMaxSubjectBytes);
    EXPECT_EQ(with("sub", kMaxSubjectBytes + 1).sub, "");
    EXPECT_TRUE(with("email", kMaxEmailBytes).email);
    EXPECT_FALSE(with("email", kMaxEmailBytes + 1).email);
    EXPECT_TRUE(with("name", kMaxNameBytes).name);
    EXPECT_FALSE(with("name", kMaxNameBytes + 1).name);
    EXPECT_TRUE(with("picture", kMaxPictureBytes, "https://").picture);
    EXPECT_FALSE(with("picture", kMaxPictureBytes + 1, "https://").picture);
    EXPECT_FALSE(with("locale", kMaxLocaleBytes + 1).locale);
    EXPECT_FALSE(with("hd", kMaxTenantBytes + 1).hd);
    EXPECT_FALSE(with("tid", kMaxTenantBytes + 1).tenant);
}

}  // namespace
}  // namespace nexus::control
