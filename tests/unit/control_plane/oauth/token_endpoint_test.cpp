// What goes to a token endpoint: one way of client authentication, and the grant's parameters.
#include "control_plane/oauth/token_endpoint.h"

#include <gtest/gtest.h>

#include <map>

namespace nexus::control {
namespace {

/// Keeps the request it was given; secrets are compared as text here only.
struct Recorder {
    std::map<std::string, std::string> form;
    std::string basic_user;
    std::string basic_password;
    std::string url;
    std::string method;

    Fetch fetch() {
        return [this](const HttpRequest &request) -> Result<HttpResponse> {
            url = request.url;
            method = request.method;
            for (const FormField &field : *request.form) {
                form[field.name] = std::string{field.value.view()};
            }
            if (request.basic_auth) {
                basic_user = request.basic_auth->username;
                basic_password = std::string{request.basic_auth->password.view()};
            }
            HttpResponse response;
            response.status = 200;
            response.body = Secret{std::string_view{R"({"access_token":"a"})"}};
            return response;
        };
    }
};

OAuthClient client(ClientAuth auth) {
    OAuthClient out;
    out.client_id = "id:1";
    out.client_secret = Secret{std::string_view{"p+w d"}};
    out.auth = auth;
    out.token_endpoint = "https://idp.example/token";
    return out;
}

TEST(TokenEndpoint, ExchangesACodeWithTheSecretInTheBody) {
    Recorder seen;
    TokenEndpoint endpoint(seen.fetch(), [] { return 0; });
    Secret verifier{std::string_view{"v"}};
    TokenResponse got =
        endpoint.exchange_code(client(ClientAuth::kSecretPost), "c", verifier, "https://n/cb");
    EXPECT_EQ(got.outcome, TokenOutcome::kTokens);
    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.url, "https://idp.example/token");
    EXPECT_EQ(seen.form, (std::map<std::string, std::string>{{"grant_type", "authorization_code"},
                                                             {"code", "c"},
                                                             {"redirect_uri", "https://n/cb"},
                                                             {"code_verifier", "v"},
                                                             {"client_id", "id:1"},
                                                             {"client_secret", "p+w d"}}));
    EXPECT_EQ(seen.basic_user, "");
}

// RFC 6749 section 2.3.1: form-encoded before they are joined by a colon.
TEST(TokenEndpoint, BasicIsFormEncodedAndAlone) {
    Recorder seen;
    TokenEndpoint endpoint(seen.fetch(), [] { return 0; });
    endpoint.refresh(client(ClientAuth::kSecretBasic), Secret{std::string_view{"r"}});
    EXPECT_EQ(seen.form,
              (std::map<std::string, std::string>{{"grant_type", "refresh_token"}, {"refresh_token", "r"}}));
    EXPECT_EQ(seen.basic_user, "id%3A1");
    EXPECT_EQ(seen.basic_password, "p%2Bw+d");
}

TEST(TokenEndpoint, APublicClientSendsItsIdOnly) {
    Recorder seen;
    TokenEndpoint endpoint(seen.fetch(), [] { return 0; });
    endpoint.refresh(client(ClientAuth::kNone), Secret{std::string_view{"r"}});
    EXPECT_EQ(seen.form.count("client_secret"), 0u);
    EXPECT_EQ(seen.form["client_id"], "id:1");
}

}  // namespace
}  // namespace nexus::control
