// What is pushed to a provider (RFC 9126), what begins a device flow (RFC 8628), and what their answers mean.
#include <gtest/gtest.h>

#include <map>

#include "control_plane/oauth/token_endpoint.h"

namespace nexus::control {
namespace {

struct Scripted {
    int status = 201;
    std::string body = R"({"request_uri":"urn:x:1","expires_in":60})";
    std::multimap<std::string, std::string> form;
    std::string url;
    bool has_certificate = false;

    Fetch fetch() {
        return [this](const HttpRequest &request) -> Result<HttpResponse> {
            url = request.url;
            has_certificate = !request.client_certificate.empty();
            for (const FormField &field : *request.form) {
                form.emplace(field.name, field.value.view());
            }
            HttpResponse response;
            response.status = status;
            response.headers = {{"retry-after", "7"}};
            response.body = Secret{std::string_view{body}};
            return response;
        };
    }
};

OAuthClient client(ClientAuth auth = ClientAuth::kSecretPost) {
    OAuthClient out;
    out.client_id = "c";
    out.client_secret = Secret{std::string_view{"s"}};
    out.auth = auth;
    out.par_endpoint = "https://idp.example/par";
    out.device_endpoint = "https://idp.example/device";
    return out;
}

const QueryParams kParams{
    {"response_type", "code"}, {"client_id", "c"}, {"resource", "urn:a"}, {"resource", "urn:b"}};

TEST(PushedAuthorization, IsAuthenticatedAndNamesTheClientOnce) {
    for (ClientAuth auth : {ClientAuth::kSecretPost, ClientAuth::kSecretBasic, ClientAuth::kTlsClientAuth}) {
        Scripted provider;
        TokenEndpoint endpoint(provider.fetch(), [] { return 0; });
        Result<std::string> got = endpoint.push_authorization(client(auth), kParams);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(*got, "urn:x:1");
        EXPECT_EQ(provider.url, "https://idp.example/par");
        EXPECT_EQ(provider.form.count("client_id"), 1u);
        EXPECT_EQ(provider.form.count("resource"), 2u);
        EXPECT_EQ(provider.form.count("client_secret"), auth == ClientAuth::kSecretPost ? 1u : 0u);
        EXPECT_EQ(provider.has_certificate, auth == ClientAuth::kTlsClientAuth);
    }
}

TEST(PushedAuthorization, WhatIsNoAnswerIsAnError) {
    struct Case {
        int status;
        const char *body;
        Errc errc;
        const char *reason;
    };
    for (const Case &wanted :
         {Case{400, R"({"error":"invalid_request","error_description":"secret"})", Errc::kProviderError,
               "invalid_request"},
          Case{401, R"({"error":"invalid_client"})", Errc::kProviderError, "invalid_client"},
          Case{400, R"({"error":"made up"})", Errc::kProviderError, "unknown_error"},
          Case{503, "", Errc::kProviderUnavailable, "status_503"},
          Case{201, "<html>", Errc::kProviderError, "malformed_answer"},
          Case{201, R"({"request_uri":"a b"})", Errc::kProviderError, "malformed_answer"},
          Case{201, R"({"request_uri":7})", Errc::kProviderError, "malformed_answer"}}) {
        Scripted provider;
        provider.status = wanted.status;
        provider.body = wanted.body;
        TokenEndpoint endpoint(provider.fetch(), [] { return 0; });
        Result<std::string> got = endpoint.push_authorization(client(), kParams);
        ASSERT_FALSE(got) << wanted.body;
        EXPECT_EQ(got.error().errc, wanted.errc) << wanted.body;
        EXPECT_EQ(got.error().detail, wanted.reason);
        EXPECT_EQ(got.error().message.find("secret"), std::string::npos);
    }
}

TEST(DeviceAuthorization, BeginsAndIsKeptAsItWas) {
    Scripted provider;
    provider.status = 200;
    provider.body = R"({"device_code":"d","user_code":"ABCD-EFGH","verification_uri":"https://idp.example/d",
        "verification_uri_complete":"https://idp.example/d?c=ABCD-EFGH","expires_in":600})";
    TokenEndpoint endpoint(provider.fetch(), [] { return 0; });
    Result<DeviceAuthorization> got = endpoint.authorize_device(client(ClientAuth::kSecretBasic), {"a", "b"});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(provider.form.find("scope")->second, "a b");
    EXPECT_EQ(provider.form.count("client_id"), 1u);
    EXPECT_EQ(got->interval_s, 5) << "RFC 8628 section 3.2";
    Result<DeviceAuthorization> kept = parse_device_authorization(to_json(*got).view());
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->device_code.view(), "d");
    EXPECT_EQ(kept->user_code, "ABCD-EFGH");
    EXPECT_EQ(kept->expires_in_s, 600);
}

TEST(DeviceAuthorization, OddAnswersAreRefused) {
    const std::string rest = R"(,"user_code":"A","device_code":"d"})";
    for (const std::string &body :
         {std::string{}, std::string{"[]"},
          std::string{R"({"user_code":"A","verification_uri":"https://i/d","expires_in":1})"},
          std::string{R"({"device_code":"d","verification_uri":"https://i/d","expires_in":1})"},
          R"({"verification_uri":"javascript:alert","expires_in":1)" + rest,
          R"({"verification_uri":"https://i/d","expires_in":0)" + rest,
          R"({"verification_uri":"https://i/d","expires_in":"600")" + rest,
          std::string{
              R"({"device_code":"d","user_code":"A\n","verification_uri":"https://i/d","expires_in":1})"}}) {
        EXPECT_EQ(parse_device_authorization(body).error().errc, Errc::kProviderError) << body;
    }
}

TEST(DeviceGrant, SaysWhyThereIsNoTokenYet) {
    for (const auto &[error, outcome] : {std::pair{"authorization_pending", TokenOutcome::kTransient},
                                         std::pair{"slow_down", TokenOutcome::kThrottled},
                                         std::pair{"access_denied", TokenOutcome::kConfiguration},
                                         std::pair{"expired_token", TokenOutcome::kConfiguration}}) {
        Scripted provider;
        provider.status = 400;
        provider.body = std::string{R"({"error":")"} + error + "\"}";
        TokenEndpoint endpoint(provider.fetch(), [] { return 0; });
        OAuthClient asking = client();
        asking.token_endpoint = "https://idp.example/token";
        TokenResponse got = endpoint.poll_device(asking, Secret{std::string_view{"d"}});
        EXPECT_EQ(got.outcome, outcome) << error;
        EXPECT_EQ(got.reason, error);
        EXPECT_EQ(provider.form.find("grant_type")->second, "urn:ietf:params:oauth:grant-type:device_code");
        EXPECT_EQ(provider.form.find("device_code")->second, "d");
    }
}

// RFC 8693 section 2.1
TEST(TokenExchange, SendsTheSubjectToken) {
    Scripted provider;
    provider.status = 200;
    provider.body =
        R"({"access_token":"a","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"})";
    TokenEndpoint endpoint(provider.fetch(), [] { return 0; });
    OAuthClient asking = client();
    asking.token_endpoint = "https://idp.example/token";
    asking.profile.resources = {"urn:a", "urn:b"};
    SubjectToken subject{Secret{std::string_view{"t"}}, "urn:ietf:params:oauth:token-type:jwt"};
    EXPECT_EQ(endpoint.exchange_token(asking, subject, {"s"}).outcome, TokenOutcome::kTokens);
    EXPECT_EQ(provider.form.find("grant_type")->second, "urn:ietf:params:oauth:grant-type:token-exchange");
    EXPECT_EQ(provider.form.find("subject_token")->second, "t");
    EXPECT_EQ(provider.form.find("subject_token_type")->second, "urn:ietf:params:oauth:token-type:jwt");
    EXPECT_EQ(provider.form.count("resource"), 2u);
}

}  // namespace
}  // namespace nexus::control
