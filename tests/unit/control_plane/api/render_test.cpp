// Answers as clients see them.
#include "control_plane/api/render.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

record::TokenRecord oauth_record() {
    record::TokenRecord record;
    record.state = connection::State::kActive;
    record.strategy = "oauth2";
    record.expires_at = 1'800'000'000'000;
    record.scopes = {"openid"};
    record.credentials.emplace_back("access_token", Secret{std::string_view{"a"}});
    record.credentials.emplace_back("token_type", Secret{std::string_view{"Bearer"}});
    record.credentials.emplace_back("refresh_token", Secret{std::string_view{"r"}});
    return record;
}

TEST(TokenJson, Oauth2RepeatsItsCredentialsAndNeverTheRefreshToken) {
    EXPECT_EQ(
        token_json(oauth_record(), 1'800'000'000'000 - 1).dump_text(),
        R"({"access_token":"a","token_type":"Bearer","expires_at":"2027-01-15T08:00:00Z","expired":false,)"
        R"("expiry":"2027-01-15T08:00:00Z","scopes":["openid"],"strategy":{"type":"oauth2","config":{}},)"
        R"("credentials":{"access_token":"a","token_type":"Bearer","expires_at":"2027-01-15T08:00:00Z","expired":false}})");
    EXPECT_NE(token_json(oauth_record(), 1'800'000'000'000).dump_text().find("\"expired\":true"),
              std::string::npos);
}

TEST(TokenJson, StaticCredentialsAreNotRepeated) {
    record::TokenRecord record;
    record.strategy = "header";
    record.strategy_config = {{"header_name", "X-Key"}};
    record.credentials.emplace_back("api_key", Secret{std::string_view{"k"}});
    EXPECT_EQ(
        token_json(record, 0).dump_text(),
        R"({"strategy":{"type":"header","config":{"header_name":"X-Key"}},"credentials":{"api_key":"k"}})");
}

TEST(TokenError, AttentionCarriesItsReason) {
    Request request;
    request.request_id = "r1";
    request.path_parameters = {{"id", "6F1C2A34-0000-4000-8000-000000000003"}};
    std::vector<Secret> keys;
    keys.emplace_back(std::string(32, 'k'));
    StateSigner signer = std::move(*StateSigner::create(std::move(keys)));
    Config config;
    config.base_url = "https://nexus.example";
    ReconnectLinks links(signer, config, [] { return UnixMs{1'800'000'000'000}; });
    Response got =
        token_error(Error{Errc::kAttentionRequired, "reconnect", "invalid_grant", 0}, request, links);
    EXPECT_EQ(got.status, 409);
    Result<json::Value> body = json::parse_object(got.body.view());
    EXPECT_EQ(body->get("error").as_string(), "attention_required");
    EXPECT_EQ(body->get("reason").as_string(), "invalid_grant");
    EXPECT_EQ(body->get("reconnect_url").as_string(), links.link_to("6f1c2a34-0000-4000-8000-000000000003"));
    EXPECT_EQ(body->get("request_id").as_string(), "r1");
}

TEST(Paging, ReadsLimitAndCursor) {
    Request request;
    request.query = {{"limit", "7"}, {"cursor", "c"}};
    EXPECT_EQ(read_paging(request)->limit, 7);
    EXPECT_EQ(read_paging(request)->cursor, "c");
    for (const char *bad : {"0", "1001", "-1", "x", "7x", "99999999999999999999"}) {
        request.query = {{"limit", bad}};
        EXPECT_EQ(read_paging(request).error().errc, Errc::kInvalidRequest) << bad;
    }
    request.query = {{"limit", ""}, {"cursor", ""}};
    EXPECT_EQ(read_paging(request)->limit, read_paging(Request{})->limit) << "empty is absent";
}

}  // namespace
}  // namespace nexus::control
