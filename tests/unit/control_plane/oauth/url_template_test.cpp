// Templates and the values put into them: what a hostile value cannot do.
#include "control_plane/oauth/url_template.h"

#include <gtest/gtest.h>

#include <chrono>

#include "control_plane/oauth/json_path.h"
#include "control_plane/oauth/pattern.h"
#include "control_plane/oauth/variables.h"

namespace nexus::control {
namespace {

TEST(UrlTemplate, FillsHostPathAndOrigin) {
    Variables v{{"shop", "my-shop.eu"}, {"t", "a/b?c"}, {"base", "https://eu1.example/x/"}};
    EXPECT_EQ(*fill_url("https://{shop}.example/{t}/oauth", v, "u"),
              "https://my-shop.eu.example/a%2Fb%3Fc/oauth");
    EXPECT_EQ(*fill_url("{base}/token", v, "u"), "https://eu1.example/x/token");
    EXPECT_TRUE(fill_url("https://plain.example/", v, "u"));
    EXPECT_FALSE(fill_url("https://plain.example/{}", v, "u")) << "braces are nothing in a URL";
    EXPECT_EQ(*fill_text("{\"userinfo\":{\"a\":1}} {t}", v), "{\"userinfo\":{\"a\":1}} a/b?c");
    EXPECT_EQ(fill_url("https://{nobody}/", v, "u").error().errc, Errc::kMissingFields);
    EXPECT_EQ(template_names("{a}{b-1}{ c}{}"), (std::vector<std::string>{"a", "b-1"}));
}

class HostileValueTest : public testing::TestWithParam<const char *> {};

TEST_P(HostileValueTest, CannotLeaveTheHost) {
    EXPECT_FALSE(fill_url("https://{v}.example/token", {{"v", GetParam()}}, "u")) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Hosts, HostileValueTest,
                         testing::Values("", "evil.com/", "evil.com#", "evil.com?", "a@b", "a:80", "a\\b",
                                         ".a", "a.", "a..b", "a b", "a\r\nb", "[::1]", "a%2fb", "\xc3\xa4",
                                         "a_b"));

TEST(UrlTemplate, AnOriginMustBeAUrlByItself) {
    for (const char *value : {"https", "javascript://x", "https://u@h", "https://h?x", "https://h#x", "//h",
                              "file:///etc/passwd", "https://{h}"}) {
        EXPECT_FALSE(fill_url("{v}/token", {{"v", value}}, "u")) << value;
    }
    EXPECT_FALSE(fill_url("https://h/{v}/x", {{"v", ".."}}, "u"));
}

TEST(Pattern, MatchesTheWholeValue) {
    Pattern pattern = std::move(*Pattern::compile("[a-z]+|x1"));
    EXPECT_TRUE(pattern.matches("abc"));
    EXPECT_TRUE(pattern.matches("x1"));
    EXPECT_FALSE(pattern.matches("abc\n"));
    EXPECT_FALSE(pattern.matches("abc1"));
    EXPECT_FALSE(pattern.matches(""));
    EXPECT_FALSE(pattern.matches(std::string(600, 'a')));
    EXPECT_FALSE(Pattern::compile("(?<=a"));
    EXPECT_FALSE(Pattern::compile(std::string(300, 'a')));
    EXPECT_FALSE(Pattern::compile("((a{999}){999}){999}"));
}

// A pattern made for backtracking is decided quickly.
TEST(Pattern, CannotHoldAThread) {
    Pattern pattern = std::move(*Pattern::compile("(a+)+(a+)+(a+)+b"));
    auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(pattern.matches(std::string(400, 'a')));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(JsonPath, DotsIndexesAndPointers) {
    json::Value value = *json::parse_object(R"({"a":{"b":[{"c":7}]},"x.y":"z"})");
    EXPECT_EQ(scalar_text(at_path(value, "a.b.0.c")), "7");
    EXPECT_EQ(scalar_text(at_path(value, "/x.y")), "z");
    EXPECT_TRUE(at_path(value, "a.b.1.c").is_null());
    EXPECT_EQ(scalar_text(at_path(value, "a")), "");
    EXPECT_FALSE(is_json_path(""));
    EXPECT_FALSE(is_json_path("a..b"));
    EXPECT_FALSE(is_json_path("a.b.c.d.e.f.g.h.i"));
}

class VariablesTest : public testing::Test {
protected:
    OAuthProfile profile_ =
        *parse_oauth_profile(*json::parse_object(R"({"variables":{"shop":{"pattern":"[a-z]{1,20}"},
            "host":{"pattern":"[a-z.]+","default":"login.example"},
            "dc":{"pattern":"eu|us","from":"callback","field":"location"}},
            "keep_callback_fields":{"realm":"realmId"}})"),
                             "profile.oauth");
    Result<Variables> user(const char *text) { return user_variables(profile_, *json::parse_object(text)); }
};

TEST_F(VariablesTest, AreCheckedByName) {
    EXPECT_EQ(*user(R"({"shop":"acme"})"), (Variables{{"shop", "acme"}, {"host", "login.example"}}));
    EXPECT_EQ(user("{}").error().errc, Errc::kMissingFields);
    EXPECT_EQ(user("{}").error().detail, "variables.shop");
    EXPECT_EQ(user(R"({"shop":"Acme!"})").error().detail, "variables.shop");
    EXPECT_EQ(user(R"({"shop":"a","odd":"x"})").error().detail, "variables.odd");
    EXPECT_EQ(user(R"({"shop":"a","dc":"eu"})").error().detail, "variables.dc") << "is the callback's to say";
    EXPECT_EQ(user(R"({"shop":7})").error().detail, "variables.shop");
}

TEST_F(VariablesTest, ComeFromTheCallback) {
    auto parameter = [](const std::string &name) -> std::optional<std::string> {
        return name == "location"  ? std::optional<std::string>{"eu"}
               : name == "realmId" ? std::optional<std::string>{"r1"}
                                   : std::nullopt;
    };
    Variables got{{"shop", "a"}};
    ASSERT_TRUE(add_callback_variables(profile_, parameter, got));
    EXPECT_EQ(got["dc"], "eu");
    EXPECT_EQ(kept_callback_fields(profile_, parameter), (NamedTexts{{"realm", "r1"}}));
    auto evil = [](const std::string &) { return std::optional<std::string>{"evil.com"}; };
    EXPECT_EQ(add_callback_variables(profile_, evil, got).error().errc, Errc::kInvalidRequest);
    auto none = [](const std::string &) { return std::optional<std::string>{}; };
    EXPECT_EQ(add_callback_variables(profile_, none, got).error().errc, Errc::kMissingFields);
}

TEST(MergedJson, KeepsTheOldAndIsBounded) {
    EXPECT_EQ(merged_json(R"({"a":"1"})", NamedTexts{{"b", "2"}, {"a", "3"}}), R"({"a":"3","b":"2"})");
    EXPECT_EQ(merged_json("broken", NamedTexts{{"b", "2"}}), R"({"b":"2"})");
    EXPECT_EQ(*parse_variables(R"({"a":"1"})"), (Variables{{"a", "1"}}));
}

}  // namespace
}  // namespace nexus::control
