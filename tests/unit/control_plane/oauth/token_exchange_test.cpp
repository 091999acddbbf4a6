// A grant at a token endpoint, step by step: which requests are made, and what comes of their answers.
#include "control_plane/oauth/token_exchange.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "control_plane/oauth/token_endpoint.h"

namespace nexus::control {
namespace {

using Kind = TokenExchange::Kind;

constexpr const char *kTokens = R"({"access_token":"at","refresh_token":"rt1"})";
constexpr const char *kNotRotated = R"({"access_token":"at"})";
constexpr const char *kChained = R"({"chain":{"url":"https://i.example/x","on_refresh":true,
    "params":{"t":"{access_token}"}}})";

Secret secret(std::string_view text) {
    return Secret{text};
}

std::shared_ptr<OAuthClient> client(const std::string &oauth = "{}") {
    auto out = std::make_shared<OAuthClient>();
    Result<OAuthProfile> profile = parse_oauth_profile(*json::parse_object(oauth), "profile.oauth");
    EXPECT_TRUE(profile) << profile.error().message;
    out->profile = std::move(*profile);
    out->client_id = "id";
    out->client_secret = secret("sec");
    out->token_endpoint = "https://i.example/t";
    out->variables = {{"client_id", "id"}};
    return out;
}

HttpResponse answer_of(int status, std::string_view body, std::string nonce = "") {
    HttpResponse out;
    out.status = status;
    out.body = secret(body);
    if (!nonce.empty()) {
        out.headers = {{"dpop-nonce", std::move(nonce)}};
    }
    return out;
}

TokenEndpoint endpoint() {
    const Fetch nobody = [](const HttpRequest &) -> Result<HttpResponse> {
        ADD_FAILURE() << "steps send nothing";
        return fail(Errc::kInternal, "");
    };
    return TokenEndpoint(nobody, [] { return 1'800'000'000'000; });
}

TokenExchange refresh_of(std::shared_ptr<const OAuthClient> at) {
    return endpoint().begin_refresh(std::move(at), secret("rt0"));
}

std::string field_of(const HttpRequest &request, std::string_view name) {
    for (const FormField &field : *request.form) {
        if (field.name == name) {
            return std::string{field.value.view()};
        }
    }
    return "";
}

std::string header_of(const HttpRequest &request, std::string_view name) {
    for (const auto &[header, value] : request.headers) {
        if (header == name) {
            return value;
        }
    }
    return "";
}

TEST(TokenExchange, OneRequestAndItsAnswer) {
    TokenExchange exchange = refresh_of(client());
    std::optional<HttpRequest> request = exchange.next();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://i.example/t");
    EXPECT_EQ(field_of(*request, "grant_type"), "refresh_token");
    EXPECT_EQ(field_of(*request, "refresh_token"), "rt0");
    EXPECT_EQ(field_of(*request, "client_secret"), "sec");
    exchange.answer(answer_of(200, kTokens));
    EXPECT_FALSE(exchange.next());
    const TokenResponse got = exchange.take_result();
    EXPECT_EQ(got.outcome, TokenOutcome::kTokens);
    EXPECT_EQ(got.refresh_token.view(), "rt1");
    EXPECT_FALSE(got.may_be_redeemed);
}

TEST(TokenExchange, ClientCredentialsAskForTheirScopes) {
    TokenExchange exchange =
        endpoint().begin_client_credentials(client(R"({"grant":"client_credentials"})"), {"r", "w"});
    std::optional<HttpRequest> request = exchange.next();
    ASSERT_TRUE(request);
    EXPECT_EQ(field_of(*request, "grant_type"), "client_credentials");
    EXPECT_EQ(field_of(*request, "scope"), "r w");
    exchange.answer(answer_of(200, kNotRotated));
    EXPECT_FALSE(exchange.next());
    EXPECT_EQ(exchange.take_result().access_token.view(), "at");
}

TEST(TokenExchange, OnlyARefreshWithOneTimeTokensIsASingleShot) {
    EXPECT_FALSE(refresh_of(client()).next()->is_single_shot);
    EXPECT_FALSE(refresh_of(client(R"({"refresh_token_use":"reusable"})")).next()->is_single_shot);
    EXPECT_TRUE(refresh_of(client(R"({"refresh_token_use":"single_use"})")).next()->is_single_shot);
    EXPECT_FALSE(endpoint()
                     .begin_client_credentials(client(R"({"refresh_token_use":"single_use"})"), {})
                     .next()
                     ->is_single_shot);
}

// The transfer may outlive whoever began it, and end on another thread.
TEST(TokenExchange, LivesOnByItself) {
    std::optional<TokenExchange> exchange;
    {
        std::shared_ptr<OAuthClient> at = client();
        const Secret token = secret("rt0");
        exchange = endpoint().begin_refresh(at, token);
    }
    std::thread other([moved = std::move(*exchange), &exchange]() mutable {
        ASSERT_TRUE(moved.next());
        moved.answer(answer_of(200, kTokens));
        EXPECT_FALSE(moved.next());
        exchange = std::move(moved);
    });
    other.join();
    EXPECT_EQ(exchange->take_result().access_token.view(), "at");
}

TEST(TokenExchange, TheServersNonceIsTriedOnce) {
    std::shared_ptr<OAuthClient> at = client(R"({"dpop":true})");
    ASSERT_TRUE(use_dpop_key(*at, Secret{}));
    TokenExchange exchange = refresh_of(at);
    std::set<std::string> proofs{header_of(*exchange.next(), "DPoP")};
    exchange.answer(answer_of(400, R"({"error":"use_dpop_nonce"})", "n1"));
    std::optional<HttpRequest> again = exchange.next();
    ASSERT_TRUE(again);
    EXPECT_EQ(field_of(*again, "refresh_token"), "rt0");
    proofs.insert(header_of(*again, "DPoP"));
    EXPECT_EQ(proofs.size(), 2u) << "a proof of its own";
    EXPECT_EQ(proofs.count(""), 0u);
    exchange.answer(answer_of(400, R"({"error":"use_dpop_nonce"})", "n2"));
    EXPECT_FALSE(exchange.next());
    const TokenResponse got = exchange.take_result();
    EXPECT_EQ(got.reason, "use_dpop_nonce");
    EXPECT_FALSE(got.may_be_redeemed) << "both were answered";
}

TEST(TokenExchange, ANonceThatFitsBringsTokens) {
    std::shared_ptr<OAuthClient> at = client(R"({"dpop":true,"refresh_token_use":"single_use"})");
    ASSERT_TRUE(use_dpop_key(*at, Secret{}));
    TokenExchange exchange = refresh_of(at);
    EXPECT_TRUE(exchange.next()->is_single_shot);
    exchange.answer(answer_of(401, R"({"error":"use_dpop_nonce"})", "n1"));
    EXPECT_TRUE(exchange.next()->is_single_shot);
    exchange.answer(answer_of(200, R"({"access_token":"at","token_type":"DPoP"})"));
    EXPECT_FALSE(exchange.next());
    EXPECT_EQ(exchange.take_result().token_type, "DPoP");
}

TEST(TokenExchange, TokensThatAreBoundToNothingMayHaveCostTheOldOne) {
    std::shared_ptr<OAuthClient> at = client(R"({"dpop":true})");
    ASSERT_TRUE(use_dpop_key(*at, Secret{}));
    TokenExchange exchange = refresh_of(at);
    ASSERT_TRUE(exchange.next());
    exchange.answer(answer_of(200, kTokens));
    EXPECT_FALSE(exchange.next());
    const TokenResponse got = exchange.take_result();
    EXPECT_EQ(got.reason, "dpop_not_bound");
    EXPECT_TRUE(got.may_be_redeemed);
}

TEST(TokenExchange, EachTryHasAnAssertionOfItsOwn) {
    std::shared_ptr<OAuthClient> at = client();
    at->auth = ClientAuth::kPrivateKeyJwt;
    at->client_secret = secret("no key");
    TokenExchange exchange = refresh_of(at);
    EXPECT_FALSE(exchange.next()) << "cannot be made, so nothing is sent";
    const TokenResponse got = exchange.take_result();
    EXPECT_EQ(got.reason, "invalid_client_key");
    EXPECT_FALSE(got.may_be_redeemed);
}

TEST(TokenExchange, WithoutAnEndpointNothingIsSent) {
    std::shared_ptr<OAuthClient> at = client(R"({"refresh_url":"https://i.example/r"})");
    TokenExchange exchange = refresh_of(at);
    EXPECT_FALSE(exchange.next());
    EXPECT_EQ(exchange.take_result().reason, "missing_variable");
}

TEST(TokenExchange, TheChainFollowsOnRefresh) {
    TokenExchange exchange = refresh_of(client(kChained));
    ASSERT_TRUE(exchange.next());
    exchange.answer(answer_of(200, kTokens));
    std::optional<HttpRequest> second = exchange.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->url, "https://i.example/x");
    EXPECT_EQ(field_of(*second, "t"), "at");
    EXPECT_FALSE(second->is_single_shot) << "it redeems no refresh token";
    exchange.answer(answer_of(200, R"({"access_token":"long","expires_in":60})"));
    EXPECT_FALSE(exchange.next());
    const TokenResponse got = exchange.take_result();
    EXPECT_EQ(got.access_token.view(), "long");
    EXPECT_EQ(got.refresh_token.view(), "rt1");
    EXPECT_EQ(got.expires_in_s, 60);
}

TEST(TokenExchange, AChainIsNotBegunWhereTheFirstFails) {
    TokenExchange exchange = refresh_of(client(kChained));
    ASSERT_TRUE(exchange.next());
    exchange.answer(answer_of(400, R"({"error":"invalid_grant"})"));
    EXPECT_FALSE(exchange.next());
    EXPECT_EQ(exchange.take_result().outcome, TokenOutcome::kInvalidGrant);
}

/// What came of the requests of a refresh: one answer, or two with a chain.
struct EndCase {
    const char *name;
    const char *oauth;
    Errc errc;  // of the last answer; kInternal = it is `status` and `body`
    int status;
    const char *body;
    const char *first;  // the first answer of a chain; "" = there is no chain
    TokenOutcome outcome;
    const char *reason;
    bool may_be_redeemed;
    const char *refresh_token;
};

class TokenExchangeEndTest : public testing::TestWithParam<EndCase> {};

TEST_P(TokenExchangeEndTest, IsUnderstood) {
    const EndCase &the_case = GetParam();
    TokenExchange exchange = refresh_of(client(the_case.oauth));
    ASSERT_TRUE(exchange.next());
    if (*the_case.first != '\0') {
        exchange.answer(answer_of(200, the_case.first));
        ASSERT_TRUE(exchange.next());
    }
    exchange.answer(the_case.errc == Errc::kInternal
                        ? Result<HttpResponse>(answer_of(the_case.status, the_case.body))
                        : fail(the_case.errc, "canary"));
    EXPECT_FALSE(exchange.next());
    const TokenResponse got = exchange.take_result();
    EXPECT_EQ(got.outcome, the_case.outcome);
    EXPECT_EQ(got.reason, the_case.reason);
    EXPECT_EQ(got.may_be_redeemed, the_case.may_be_redeemed);
    EXPECT_EQ(got.refresh_token.view(), the_case.refresh_token);
}

constexpr Errc kAnswered = Errc::kInternal;

INSTANTIATE_TEST_SUITE_P(
    Ends, TokenExchangeEndTest,
    testing::Values(EndCase{"NotReached", "{}", Errc::kProviderUnavailable, 0, "", "", TokenOutcome::kOutage,
                            "unreachable", false, ""},
                    EndCase{"Silent", "{}", Errc::kProviderSilent, 0, "", "", TokenOutcome::kOutage,
                            "no_answer", true, ""},
                    EndCase{"Forbidden", "{}", Errc::kEgressDenied, 0, "", "", TokenOutcome::kConfiguration,
                            "egress_denied", false, ""},
                    EndCase{"Refused", "{}", kAnswered, 400, R"({"error":"invalid_grant"})", "",
                            TokenOutcome::kInvalidGrant, "invalid_grant", false, ""},
                    EndCase{"Away", "{}", kAnswered, 503, "", "", TokenOutcome::kOutage, "status_503", false,
                            ""},
                    EndCase{"CutShort", "{}", kAnswered, 200, R"({"access_to)", "", TokenOutcome::kTransient,
                            "malformed_answer", true, ""},
                    EndCase{"ChainNotReached", kChained, Errc::kProviderUnavailable, 0, "", kTokens,
                            TokenOutcome::kOutage, "unreachable", true, "rt1"},
                    EndCase{"ChainSilent", kChained, Errc::kProviderSilent, 0, "", kTokens,
                            TokenOutcome::kOutage, "no_answer", true, "rt1"},
                    EndCase{"ChainSilentNotRotated", kChained, Errc::kProviderSilent, 0, "", kNotRotated,
                            TokenOutcome::kOutage, "no_answer", false, ""},
                    EndCase{"ChainAway", kChained, kAnswered, 502, "", kTokens, TokenOutcome::kOutage,
                            "status_502", true, "rt1"},
                    EndCase{"ChainCutShort", kChained, kAnswered, 200, "{", kTokens, TokenOutcome::kTransient,
                            "malformed_answer", true, "rt1"},
                    EndCase{"ChainRefused", kChained, kAnswered, 400, R"({"error":"invalid_request"})",
                            kTokens, TokenOutcome::kConfiguration, "invalid_request", true, "rt1"}),
    [](const auto &the_case) { return std::string{the_case.param.name}; });

// A chain whose request cannot be made has redeemed the refresh token all the same.
TEST(TokenExchange, AChainThatCannotBeAskedKeepsTheNewRefreshToken) {
    std::shared_ptr<OAuthClient> at = client(R"({"variables":{"dc":{"pattern":"[a-z]+"}},
        "chain":{"url":"https://{dc}.example/x","on_refresh":true}})");
    TokenExchange exchange = refresh_of(at);
    ASSERT_TRUE(exchange.next());
    exchange.answer(answer_of(200, kTokens));
    EXPECT_FALSE(exchange.next());
    const TokenResponse got = exchange.take_result();
    EXPECT_EQ(got.reason, "missing_variable");
    EXPECT_TRUE(got.may_be_redeemed);
    EXPECT_EQ(got.refresh_token.view(), "rt1");
}

}  // namespace
}  // namespace nexus::control
