// Token requests and answers of providers that go their own ways: one case a capability (docs/providers.md).
#include <gtest/gtest.h>

#include <map>

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/token_endpoint.h"

namespace nexus::control {
namespace {

using Form = std::map<std::string, std::string>;

/// What was sent, and what is answered, one after the other.
struct Provider {
    std::vector<std::string> bodies{R"({"access_token":"at","refresh_token":"rt"})"};
    int status = 200;
    std::vector<HttpRequest> seen;

    TokenEndpoint endpoint() {
        return TokenEndpoint(
            [this](const HttpRequest &request) -> Result<HttpResponse> {
                HttpRequest copy;
                copy.method = request.method;
                copy.url = request.url;
                copy.headers = request.headers;
                copy.content_type = request.content_type;
                if (request.basic_auth) {
                    copy.basic_auth = HttpRequest::Basic{request.basic_auth->username,
                                                         request.basic_auth->password.clone()};
                }
                if (request.body) {
                    copy.body = request.body->clone();
                }
                if (request.form) {
                    copy.form.emplace();
                    for (const FormField &field : *request.form) {
                        copy.form->push_back(FormField{field.name, field.value.clone()});
                    }
                }
                seen.push_back(std::move(copy));
                HttpResponse response;
                response.status = status;
                response.body = Secret{std::string_view{bodies[std::min(seen.size(), bodies.size()) - 1]}};
                return response;
            },
            [] { return 1'800'000'000'000; });
    }
    Form form(size_t index = 0) const {
        Form out;
        for (const FormField &field : *seen.at(index).form) {
            out[field.name] = std::string{field.value.view()};
        }
        return out;
    }
};

OAuthClient client(const std::string &oauth, ClientAuth auth = ClientAuth::kSecretPost) {
    OAuthClient out;
    Result<OAuthProfile> profile = parse_oauth_profile(*json::parse_object(oauth), "profile.oauth");
    EXPECT_TRUE(profile) << profile.error().message;
    out.profile = std::move(*profile);
    out.client_id = "id";
    out.client_secret = Secret{std::string_view{"sec"}};
    out.auth = auth;
    out.authorization_endpoint = "https://i.example/a";
    out.token_endpoint = "https://i.example/t";
    out.variables = {{"client_id", "id"}};
    return out;
}

TokenResponse exchange(Provider &provider, const OAuthClient &at) {
    return provider.endpoint().exchange_code(at, "c0", Secret{std::string_view{"v"}}, "https://n/cb");
}

TokenResponse refresh(Provider &provider, const OAuthClient &at) {
    return provider.endpoint().refresh(at, Secret{std::string_view{"rt0"}});
}

TEST(TokenQuirks, PkceOffSendsNoVerifier) {
    Provider provider;
    exchange(provider, client(R"({"pkce":"off"})"));
    EXPECT_EQ(provider.form().count("code_verifier"), 0u);
    Provider standard;
    exchange(standard, client("{}"));
    EXPECT_EQ(standard.form().at("code_verifier"), "v");
}

TEST(TokenQuirks, ConstantsGoWithTheirRequestOnly) {
    Provider provider;
    OAuthClient at =
        client(R"({"token_params":{"resource":"r"},"refresh_params":{"type":"refresh","grant_type":"x"}})");
    exchange(provider, at);
    refresh(provider, at);
    EXPECT_EQ(provider.form(0).at("resource"), "r");
    EXPECT_EQ(provider.form(0).count("type"), 0u);
    EXPECT_EQ(provider.form(1).at("type"), "refresh");
    EXPECT_EQ(provider.form(1).at("grant_type"), "x");
    EXPECT_EQ(provider.form(1).count("resource"), 0u);
}

TEST(TokenQuirks, RenamedAndDroppedParameters) {
    Provider provider;
    exchange(provider,
             client(R"({"token_rename":{"client_id":"client_key","code":"auth_code","redirect_uri":null}})"));
    Form got = provider.form();
    EXPECT_EQ(got.at("client_key"), "id");
    EXPECT_EQ(got.at("auth_code"), "c0");
    EXPECT_EQ(got.count("redirect_uri") + got.count("client_id") + got.count("code"), 0u);
}

TEST(TokenQuirks, JsonBody) {
    Provider provider;
    exchange(provider, client(R"({"token_body":"json"})"));
    EXPECT_EQ(provider.seen[0].content_type, "application/json");
    json::Value body = *json::parse_object(provider.seen[0].body->view());
    EXPECT_EQ(body.get("code").as_string(), "c0");
    EXPECT_EQ(body.get("client_secret").as_string(), "sec");
}

TEST(TokenQuirks, QueryIsAGetWithoutABody) {
    Provider provider;
    exchange(provider, client(R"({"token_body":"query"})"));
    EXPECT_EQ(provider.seen[0].method, "GET");
    EXPECT_FALSE(provider.seen[0].form || provider.seen[0].body);
    EXPECT_NE(provider.seen[0].url.find("https://i.example/t?grant_type=authorization_code&code=c0"),
              std::string::npos);
}

TEST(TokenQuirks, HeadersAreFilledIn) {
    Provider provider;
    OAuthClient at = client(R"({"token_headers":{"Client-Id":"{client_id}","accept":"*/*"}})");
    exchange(provider, at);
    EXPECT_EQ(provider.seen[0].headers,
              (std::vector<std::pair<std::string, std::string>>{{"Client-Id", "id"}, {"accept", "*/*"}}));
    at.variables["client_id"] = "x\r\nEvil: 1";
    EXPECT_EQ(exchange(provider, at).outcome, TokenOutcome::kConfiguration);
    EXPECT_EQ(provider.seen.size(), 1u) << "nothing was sent";
}

TEST(TokenQuirks, SecretAsBasicUser) {
    Provider provider;
    exchange(provider, client("{}", ClientAuth::kSecretAsUser));
    EXPECT_EQ(provider.seen[0].basic_auth->username, "sec");
    EXPECT_TRUE(provider.seen[0].basic_auth->password.empty());
    EXPECT_EQ(provider.form().count("client_secret"), 0u);
}

TEST(TokenQuirks, RefreshHasItsOwnUrl) {
    Provider provider;
    OAuthClient at = client(R"({"refresh_url":"https://i.example/r"})");
    at.refresh_endpoint = at.profile.refresh_url;
    refresh(provider, at);
    exchange(provider, at);
    EXPECT_EQ(provider.seen[0].url, "https://i.example/r");
    EXPECT_EQ(provider.seen[1].url, "https://i.example/t");
    at.refresh_endpoint.clear();
    EXPECT_EQ(refresh(provider, at).reason, "missing_variable");
}

TEST(TokenQuirks, TheAccessTokenRenewsItself) {
    Provider provider;
    provider.bodies = {R"({"access_token":"at"})"};
    OAuthClient at = client(R"({"refresh_with":"access_token"})");
    EXPECT_EQ(exchange(provider, at).refresh_token.view(), "at");
    TokenResponse got = refresh(provider, at);
    EXPECT_EQ(provider.form(1).at("access_token"), "rt0");
    EXPECT_EQ(provider.form(1).count("refresh_token"), 0u);
    EXPECT_EQ(got.refresh_token.view(), "at");
}

TEST(TokenQuirks, ClientCredentialsWithScopes) {
    Provider provider;
    OAuthClient at =
        client(R"({"grant":"client_credentials","scope_separator":",","token_params":{"audience":"a"}})");
    EXPECT_EQ(provider.endpoint().client_credentials(at, {"r", "w"}).outcome, TokenOutcome::kTokens);
    EXPECT_EQ(provider.form(), (Form{{"grant_type", "client_credentials"},
                                     {"scope", "r,w"},
                                     {"audience", "a"},
                                     {"client_id", "id"},
                                     {"client_secret", "sec"}}));
    EXPECT_TRUE(at.can_renew(Secret{}));
}

TEST(TokenQuirks, AChainReplacesTheToken) {
    Provider provider;
    provider.bodies = {R"({"access_token":"short","refresh_token":"r1"})",
                       R"({"token":"long","expires_in":60})"};
    OAuthClient at = client(R"({"chain":{"url":"https://i.example/x","body":"query",
        "params":{"grant_type":"swap","t":"{access_token}","s":"{client_secret}"},
        "response":{"access_token":"token"}}})");
    TokenResponse got = exchange(provider, at);
    EXPECT_EQ(got.access_token.view(), "long");
    EXPECT_EQ(got.refresh_token.view(), "r1");
    EXPECT_EQ(got.expires_in_s, 60);
    EXPECT_EQ(provider.seen[1].url, "https://i.example/x?grant_type=swap&t=short&s=sec");
    refresh(provider, at);
    EXPECT_EQ(provider.seen.size(), 3u) << "not on refresh";
    Provider broken;
    broken.bodies = {R"({"access_token":"short"})", R"({"error":"invalid_request"})"};
    EXPECT_EQ(exchange(broken, at).outcome, TokenOutcome::kConfiguration) << "the short one is not given out";
}

TEST(TokenQuirks, Revokes) {
    Provider provider;
    OAuthClient at = client("{}");
    EXPECT_EQ(provider.endpoint().revoke(at, Secret{std::string_view{"x"}}, "refresh_token").error().errc,
              Errc::kNotFound);
    at.revocation_endpoint = "https://i.example/revoke";
    EXPECT_TRUE(provider.endpoint().revoke(at, Secret{std::string_view{"x"}}, "refresh_token"));
    EXPECT_EQ(provider.form(), (Form{{"token", "x"},
                                     {"token_type_hint", "refresh_token"},
                                     {"client_id", "id"},
                                     {"client_secret", "sec"}}));
    provider.status = 503;
    EXPECT_EQ(provider.endpoint().revoke(at, Secret{std::string_view{"x"}}, "access_token").error().errc,
              Errc::kProviderUnavailable);
    provider.status = 400;
    EXPECT_EQ(provider.endpoint().revoke(at, Secret{std::string_view{"x"}}, "access_token").error().errc,
              Errc::kProviderError);
}

struct AnswerCase {
    const char *name;
    const char *oauth;
    const char *body;
    TokenOutcome outcome;
    const char *reason;
};

class OddAnswerTest : public testing::TestWithParam<AnswerCase> {};

TEST_P(OddAnswerTest, IsUnderstood) {
    Provider provider;
    provider.bodies = {GetParam().body};
    TokenResponse got = exchange(provider, client(GetParam().oauth));
    EXPECT_EQ(got.outcome, GetParam().outcome);
    EXPECT_EQ(got.reason, GetParam().reason);
}

constexpr const char *kOk = R"({"success":{"path":"ok","equals":true}})";
constexpr const char *kCode =
    R"({"success":{"path":"code","equals":0},"response":{"access_token":"data.t","error":"message"}})";

INSTANTIATE_TEST_SUITE_P(
    Answers, OddAnswerTest,
    testing::Values(
        AnswerCase{"Ok", kOk, R"({"ok":true,"access_token":"a"})", TokenOutcome::kTokens, ""},
        AnswerCase{"NotOk", kOk, R"({"ok":false,"access_token":"a"})", TokenOutcome::kConfiguration,
                   "not_successful"},
        AnswerCase{"NoWord", kOk, R"({"access_token":"a"})", TokenOutcome::kConfiguration, "not_successful"},
        AnswerCase{"OkAndError", kOk, R"({"ok":true,"error":"invalid_client","access_token":"a"})",
                   TokenOutcome::kConfiguration, "invalid_client"},
        AnswerCase{"OkAndHollowError", kOk, R"({"ok":true,"error":"","access_token":"a"})",
                   TokenOutcome::kTokens, ""},
        AnswerCase{"HollowErrorWithoutTest", "{}", R"({"error":"","access_token":"a"})",
                   TokenOutcome::kConfiguration, "unknown_error"},
        AnswerCase{"DeadGrant",
                   R"({"dead_grant_errors":["token_revoked"],"success":{"path":"ok","equals":true}})",
                   R"({"ok":false,"error":"token_revoked"})", TokenOutcome::kInvalidGrant, "invalid_grant"},
        AnswerCase{"NumberCode", R"({"response":{"error":"error.code"},"dead_grant_errors":["190"]})",
                   R"({"error":{"code":190,"message":"canary"}})", TokenOutcome::kInvalidGrant,
                   "invalid_grant"},
        AnswerCase{"UnderData", R"({"response":{"access_token":"data.t"}})", R"({"data":{"t":"a"}})",
                   TokenOutcome::kTokens, ""},
        AnswerCase{"NotUnderData", R"({"response":{"access_token":"data.t"}})", R"({"access_token":"a"})",
                   TokenOutcome::kConfiguration, "malformed_answer"},
        AnswerCase{"CodeZero", kCode, R"({"code":0,"message":"success","data":{"t":"a"}})",
                   TokenOutcome::kTokens, ""},
        AnswerCase{"CodeOne", kCode, R"({"code":1,"message":"canary text","data":{"t":"a"}})",
                   TokenOutcome::kConfiguration, "unknown_error"},
        AnswerCase{"NoResponseVariable",
                   R"({"variables":{"u":{"pattern":"https://[a-z.]+","from":"response"}}})",
                   R"({"access_token":"a"})", TokenOutcome::kConfiguration, "missing_variable"},
        AnswerCase{"ForeignResponseVariable",
                   R"({"variables":{"u":{"pattern":"https://[a-z]+\\.example","from":"response"}}})",
                   R"({"access_token":"a","u":"https://evil.com"})", TokenOutcome::kConfiguration,
                   "missing_variable"}),
    [](const auto &test) { return std::string{test.param.name}; });

TEST(OddAnswers, LifetimeScopeAndKeptFields) {
    Provider provider;
    provider.bodies = {R"({"access_token":"at","expires_in":90000,"scope":"a,b c","inst":"https://x.example",
                           "who":{"id":7},"copy":"at","list":[1]})"};
    TokenResponse got =
        exchange(provider, client(R"({"response":{"expires_in_unit":"ms"},"scope_separator":",",
        "keep_response_fields":["inst","who.id","copy","list","none"],
        "variables":{"inst":{"pattern":"https://.*","from":"response"}}})"));
    EXPECT_EQ(got.expires_in_s, 90);
    EXPECT_EQ(*got.scope, "a b c");
    EXPECT_EQ(got.kept, (NamedTexts{{"inst", "https://x.example"}, {"who.id", "7"}}))
        << "never a token, only scalars";
    EXPECT_EQ(got.variables, (Variables{{"inst", "https://x.example"}}));
    provider.bodies = {R"({"access_token":"at"})"};
    EXPECT_EQ(exchange(provider, client(R"({"default_expires_in":7200})")).expires_in_s, 7200);
    EXPECT_FALSE(exchange(provider, client("{}")).expires_in_s);
}

std::string url_of(const OAuthClient &at, const std::string &extra = "") {
    AuthorizationRequest request = *authorization_request(at);
    request.redirect_uri = "https://n/cb";
    request.scopes = {"a:r", "b"};
    request.state = "s";
    if (!extra.empty()) {
        request.extras.emplace_back("hint", extra);
    }
    return authorization_url(request);
}

TEST(AuthorizationQuirks, ParametersRenamesSeparatorAndEncoding) {
    EXPECT_EQ(url_of(client(R"({"authorization_params":{"prompt":"consent"},"scope_separator":",",
                "authorization_rename":{"client_id":"client_key","response_type":null}})")),
              "https://i.example/"
              "a?prompt=consent&client_key=id&redirect_uri=https%3A%2F%2Fn%2Fcb&scope=a%3Ar%2Cb&state=s");
    EXPECT_NE(url_of(client(R"({"authorization_encoding":{"raw":["scope"]}})")).find("scope=a:r%20b&state=s"),
              std::string::npos);
    EXPECT_EQ(url_of(client(R"({"authorization_encoding":{"fragment":"/go"}})"))
                  .find("https://i.example/a#/go?response_type"),
              0u);
    EXPECT_NE(url_of(client(R"({"authorization_params":{"x":""}})")).find("x=&"), std::string::npos);
    EXPECT_EQ(
        url_of(client(R"({"authorization_params":{"x":""},"authorization_encoding":{"skip_empty":true}})"))
            .find("x="),
        std::string::npos);
}

// What is left raw cannot end its value.
TEST(AuthorizationQuirks, RawIsNotWithoutLimits) {
    std::string url =
        url_of(client(R"({"authorization_encoding":{"raw":["hint"]}})"), "a&state=evil#x y+%41\r\n\"");
    EXPECT_NE(url.find("hint=a%26state=evil%23x%20y%2B%2541%0D%0A%22&"), std::string::npos) << url;
}

TEST(AuthorizationQuirks, NeedsItsVariables) {
    OAuthClient at = client("{}");
    at.authorization_endpoint.clear();
    EXPECT_EQ(authorization_request(at).error().errc, Errc::kInvalidRequest);
}

}  // namespace
}  // namespace nexus::control
