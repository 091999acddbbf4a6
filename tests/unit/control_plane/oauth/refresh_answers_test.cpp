// Answers to refreshes in the shapes of real providers (tests/vectors/refresh_answers), and what each means:
// right in at least 99 of 100, and never a healthy connection's end.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "control_plane/http/http_client.h"
#include "control_plane/oauth/token_response.h"

namespace nexus::control {
namespace {

constexpr int64_t kNowMs = 1'800'000'000'000;  // 2027-01-15 08:00:00 UTC
constexpr size_t kLeastAnswers = 130;

constexpr std::array<std::pair<std::string_view, TokenOutcome>, 6> kOutcomes{{
    {"invalid_grant", TokenOutcome::kInvalidGrant},
    {"user_action", TokenOutcome::kUserAction},
    {"throttled", TokenOutcome::kThrottled},
    {"transient", TokenOutcome::kTransient},
    {"outage", TokenOutcome::kOutage},
    {"configuration", TokenOutcome::kConfiguration},
}};

std::string_view name_of(TokenOutcome outcome) {
    for (const auto &[name, value] : kOutcomes) {
        if (value == outcome) {
            return name;
        }
    }
    return "tokens";
}

struct Answer {
    std::string name;
    json::Value given;
    std::shared_ptr<const OAuthProfile> profile;
};

std::vector<Answer> read_answers() {
    std::vector<Answer> out;
    for (const auto &entry : std::filesystem::directory_iterator(NEXUS_VECTORS_DIR "/refresh_answers")) {
        std::ifstream file(entry.path());
        std::stringstream text;
        text << file.rdbuf();
        Result<json::Value> read = json::parse_object(text.str());
        EXPECT_TRUE(read) << entry.path();
        const json::Value answers = read ? read->get("answers") : json::Value::array();
        for (size_t i = 0; i < answers.size(); ++i) {
            json::Value answer = answers.at(i);
            const std::string profile{answer.get("profile").as_string()};
            Result<OAuthProfile> parsed =
                parse_oauth_profile(read->get("profiles").get(profile), "profile.oauth");
            EXPECT_TRUE(parsed) << profile << ": " << (parsed ? "" : parsed.error().message);
            std::string name =
                entry.path().stem().string() + "/" + std::string{answer.get("name").as_string()};
            out.push_back(
                Answer{std::move(name), std::move(answer),
                       std::make_shared<OAuthProfile>(parsed ? std::move(*parsed) : OAuthProfile{})});
        }
    }
    return out;
}

TokenResponse classify(const Answer &answer) {
    HttpResponse response;
    response.status = static_cast<int>(answer.given.get("status").as_integer());
    const json::Value body = answer.given.get("body");
    response.body = body.is_string() ? Secret{body.as_string()} : body.dump();
    const json::Value headers = answer.given.get("headers");
    for (const std::string &name : headers.names()) {
        response.headers.emplace_back(name, headers.get(name).as_string());
    }
    return parse_token_response(response.status, response.body.view(), response.retry_after_s(kNowMs),
                                *answer.profile, answer.profile->response);
}

// "" = all is as expected.
std::string difference(const Answer &answer, const TokenResponse &got) {
    std::string out;
    const auto compare = [&](std::string_view what, const std::string &is, const std::string &should) {
        if (is != should) {
            out += std::string{what} + " is " + is + ", not " + should + "; ";
        }
    };
    const json::Value &given = answer.given;
    compare("outcome", std::string{name_of(got.outcome)}, std::string{given.get("outcome").as_string()});
    compare("reason", got.reason, std::string{given.get("reason").as_string()});
    compare("may_be_redeemed", got.may_be_redeemed ? "true" : "false",
            given.get("may_be_redeemed").as_boolean() ? "true" : "false");
    compare("retry_after_s", std::to_string(got.retry_after_s),
            std::to_string(given.get("retry_after_s").as_integer()));
    return out;
}

bool costs_connection(std::string_view outcome) {
    return outcome == "invalid_grant" || outcome == "user_action";
}

TEST(RefreshAnswers, AreUnderstood) {
    const std::vector<Answer> answers = read_answers();
    ASSERT_GE(answers.size(), kLeastAnswers);
    size_t right = 0;
    for (const Answer &answer : answers) {
        const std::string wrong = difference(answer, classify(answer));
        right += wrong.empty() ? 1 : 0;
        if (!wrong.empty()) {
            std::printf("%s: %s\n", answer.name.c_str(), wrong.c_str());
        }
    }
    const double share = 100.0 * static_cast<double>(right) / static_cast<double>(answers.size());
    std::printf("%zu of %zu answers are understood, %.1f %%\n", right, answers.size(), share);
    RecordProperty("understood_percent", std::to_string(share));
    EXPECT_GE(share, 99.0);
}

// The healthy ones: answers that say nothing against the grant.
TEST(RefreshAnswers, NoneCostsAHealthyConnection) {
    size_t healthy = 0;
    for (const Answer &answer : read_answers()) {
        if (costs_connection(answer.given.get("outcome").as_string())) {
            continue;
        }
        ++healthy;
        EXPECT_FALSE(costs_connection(name_of(classify(answer).outcome))) << answer.name;
    }
    EXPECT_GE(healthy, kLeastAnswers);
}

// A dead grant that is taken for something else is asked for again and again.
TEST(RefreshAnswers, EveryRefusalStopsItsConnection) {
    for (const Answer &answer : read_answers()) {
        if (costs_connection(answer.given.get("outcome").as_string())) {
            EXPECT_TRUE(costs_connection(name_of(classify(answer).outcome))) << answer.name;
        }
    }
}

// The same bodies with a server's own fault: its words on the grant are not believed.
TEST(RefreshAnswers, NoneCostsAConnectionDuringAnOutage) {
    for (const Answer &answer : read_answers()) {
        for (const int status : {408, 425, 429, 500, 501, 502, 503, 504, 520, 529, 530, 599}) {
            Answer away{answer.name, answer.given.deep_copy(), answer.profile};
            away.given.set("status", status);
            EXPECT_TRUE(!costs_connection(name_of(classify(away).outcome))) << answer.name << " " << status;
        }
    }
}

// What a provider says goes no further: reasons are from fixed lists, or the profile's words.
TEST(RefreshAnswers, NoReasonCarriesTheProvidersText) {
    for (const Answer &answer : read_answers()) {
        const std::string reason = classify(answer).reason;
        EXPECT_EQ(reason.find("canary"), std::string::npos) << answer.name;
        EXPECT_EQ(reason.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos)
            << answer.name;
    }
}

}  // namespace
}  // namespace nexus::control
