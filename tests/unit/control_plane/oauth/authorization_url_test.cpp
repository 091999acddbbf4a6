// The authorization URL: RFC 6749's parameters, and that no profile can replace them.
#include "control_plane/oauth/authorization_url.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

AuthorizationRequest request() {
    AuthorizationRequest out;
    out.endpoint = "https://idp.example/auth?tenant=t1";
    out.client_id = "client 1";
    out.redirect_uri = "https://nexus.example/auth/callback";
    out.scopes = {"openid", "api:read"};
    out.state = "s.s";
    out.code_challenge = "c";
    out.nonce = "n";
    return out;
}

TEST(AuthorizationUrl, HasEveryParameterAndKeepsTheEndpointsQuery) {
    EXPECT_EQ(
        authorization_url(request()),
        "https://idp.example/auth?tenant=t1&response_type=code&client_id=client%201"
        "&redirect_uri=https%3A%2F%2Fnexus.example%2Fauth%2Fcallback&scope=openid%20api%3Aread&state=s.s"
        "&code_challenge=c&code_challenge_method=S256&nonce=n");
}

TEST(AuthorizationUrl, LeavesOutScopeAndNonce) {
    AuthorizationRequest wish = request();
    wish.send_scope = false;
    wish.nonce = "";
    std::string url = authorization_url(wish);
    EXPECT_EQ(url.find("scope="), std::string::npos);
    EXPECT_EQ(url.find("nonce="), std::string::npos);
}

TEST(AuthorizationUrl, ExtrasCannotReplaceTheProtocol) {
    AuthorizationRequest wish = request();
    wish.endpoint = "https://idp.example/auth?state=old&code_challenge_method=plain";
    wish.extras = {{"prompt", "consent"},
                   {"state", "evil"},
                   {"redirect_uri", "https://evil.example"},
                   {"code_challenge_method", "plain"},
                   {"request_uri", "x"}};
    std::string url = authorization_url(wish);
    EXPECT_NE(url.find("prompt=consent"), std::string::npos);
    EXPECT_EQ(url.find("evil"), std::string::npos);
    EXPECT_EQ(url.find("plain"), std::string::npos);
    EXPECT_EQ(url.find("old"), std::string::npos);
    EXPECT_EQ(url.find("request_uri"), std::string::npos);
}

// RFC 8707 section 2: each resource is a parameter of its own.
TEST(AuthorizationUrl, RepeatsResource) {
    AuthorizationRequest wish = request();
    wish.resources = {"https://api.example/v1", "urn:b"};
    EXPECT_TRUE(
        authorization_url(wish).ends_with("&resource=https%3A%2F%2Fapi.example%2Fv1&resource=urn%3Ab"));
}

// RFC 9126 section 4: client_id and request_uri, nothing else of the request.
TEST(AuthorizationUrl, OfAPushedRequest) {
    EXPECT_EQ(pushed_authorization_url(request(), "urn:ietf:params:oauth:request_uri:x"),
              "https://idp.example/auth?tenant=t1&client_id=client%201"
              "&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax");
}

TEST(Scopes, TokensAndLists) {
    EXPECT_TRUE(is_scope_token("https://www.example.com/auth/x"));
    EXPECT_FALSE(is_scope_token(""));
    EXPECT_FALSE(is_scope_token("a b"));
    EXPECT_FALSE(is_scope_token("a\"b"));
    EXPECT_FALSE(is_scope_token("a\\b"));
    EXPECT_FALSE(is_scope_token("a\n"));
    EXPECT_EQ(split_scopes(" a  b "), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(split_scopes("").empty());
}

}  // namespace
}  // namespace nexus::control
