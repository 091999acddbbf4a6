#include "shared/cors/policy.h"

#include <functional>

#include <gtest/gtest.h>

namespace nexus::cors {
namespace {

constexpr std::string_view kApp = "https://app.example.org";
constexpr std::string_view kEvil = "https://evil.example";

Request::Field field(std::string_view value) {
    return {.value = value, .is_present = true, .is_repeated = false};
}

/// The policy of most cases: two methods beyond the safelisted, two headers, ten minutes.
Settings usual() {
    Settings settings;
    EXPECT_TRUE(settings.origins.add(kApp));
    EXPECT_TRUE(settings.origins.add("https://*.example.net"));
    settings.methods = {"GET", "POST", "PUT", "DELETE"};
    settings.headers = {"Content-Type", "X-API-Key"};
    settings.expose = {"Retry-After"};
    settings.max_age_s = 600;
    return settings;
}

Settings with(const std::function<void(Settings &)> &change) {
    Settings settings = usual();
    change(settings);
    return settings;
}

Settings with_any(const std::function<void(Settings &)> &change = [](Settings &) {}) {
    Settings settings = usual();
    settings.origins = {};
    EXPECT_TRUE(settings.origins.add("*"));
    change(settings);
    return settings;
}

Request request(std::string_view method, std::string_view origin) {
    return {.method = method, .origin = field(origin), .host = "edge.example"};
}

Request preflight(std::string_view origin, std::string_view method, std::string_view headers = {}) {
    Request asked = request("OPTIONS", origin);
    asked.requested_method = field(method);
    if (!headers.empty()) {
        asked.requested_headers = field(headers);
    }
    return asked;
}

Request changed(Request base, const std::function<void(Request &)> &change) {
    change(base);
    return base;
}

std::string to_text(const Answer &answer) {
    constexpr std::string_view kPrefix = "Access-Control-";
    std::string text;
    for (const http1::HeaderLine &line : answer.headers()) {
        EXPECT_TRUE(line.name.starts_with(kPrefix));
        text.append(line.name.substr(kPrefix.size())).append(": ").append(line.value).append("\n");
    }
    text.append("Vary:");
    for (const std::string_view name : answer.vary) {
        text.append(" ").append(name);
    }
    return text;
}

struct PolicyCase {
    const char *name;
    Settings settings;
    Request request;
    Verdict verdict;
    bool is_refused;
    std::string answer;
};

class PolicyTest : public testing::TestWithParam<PolicyCase> {};

TEST_P(PolicyTest, JudgesAndAnswers) {
    const Result<Policy> policy = Policy::make(GetParam().settings);
    ASSERT_TRUE(policy) << policy.error().message;
    const Judgement judgement = policy->judge(GetParam().request);
    EXPECT_EQ(judgement.verdict, GetParam().verdict);
    EXPECT_EQ(judgement.is_refused, GetParam().is_refused);
    EXPECT_EQ(to_text(policy->answer(GetParam().request, judgement)), GetParam().answer);
}

template <typename Case>
std::string name_of(const testing::TestParamInfo<Case> &info) {
    return info.param.name;
}

constexpr auto kNone = Verdict::kNone;
constexpr auto kSimple = Verdict::kSimple;
constexpr auto kPreflight = Verdict::kPreflight;
constexpr auto kDenied = Verdict::kDenied;

const std::string kOnlyVary = "Vary: Origin";
const std::string kSimpleAnswer =
    "Allow-Origin: https://app.example.org\nExpose-Headers: Retry-After\nVary: Origin";
const std::string kPreflightVary = "Vary: Origin Access-Control-Request-Method";
const std::string kPreflightAnswer =
    "Allow-Origin: https://app.example.org\nAllow-Methods: GET, POST, PUT, DELETE\n"
    "Allow-Headers: Content-Type, X-API-Key\nMax-Age: 600\n" +
    kPreflightVary;

INSTANTIATE_TEST_SUITE_P(
    Requests, PolicyTest,
    testing::Values(
        PolicyCase{"NoOrigin", usual(), {.method = "GET", .origin = {}}, kNone, false, kOnlyVary},
        PolicyCase{"NoOriginPost", usual(), {.method = "POST", .origin = {}}, kNone, false, kOnlyVary},
        PolicyCase{"Get", usual(), request("GET", kApp), kSimple, false, kSimpleAnswer},
        PolicyCase{"Head", usual(), request("HEAD", kApp), kSimple, false, kSimpleAnswer},
        PolicyCase{"Post", usual(), request("POST", kApp), kSimple, false, kSimpleAnswer},
        PolicyCase{"Put", usual(), request("PUT", kApp), kSimple, false, kSimpleAnswer},
        PolicyCase{"OptionsThatIsNoPreflight", usual(), request("OPTIONS", kApp), kSimple, false,
                   kSimpleAnswer},
        PolicyCase{"MethodNotListed", usual(), request("PATCH", kApp), kSimple, true, kSimpleAnswer},
        PolicyCase{"MethodOfAnotherCase", usual(), request("put", kApp), kSimple, true, kSimpleAnswer},
        PolicyCase{"Subdomain", usual(), request("GET", "https://a.example.net"), kSimple, false,
                   "Allow-Origin: https://a.example.net\nExpose-Headers: Retry-After\nVary: Origin"},
        PolicyCase{"DeniedGet", usual(), request("GET", kEvil), kDenied, false, kOnlyVary},
        PolicyCase{"DeniedHead", usual(), request("HEAD", kEvil), kDenied, false, kOnlyVary},
        PolicyCase{"DeniedOptions", usual(), request("OPTIONS", kEvil), kDenied, false, kOnlyVary},
        PolicyCase{"DeniedPost", usual(), request("POST", kEvil), kDenied, true, kOnlyVary},
        PolicyCase{"DeniedDelete", usual(), request("DELETE", kEvil), kDenied, true, kOnlyVary},
        PolicyCase{"DeniedUnknownMethod", usual(), request("BREW", kEvil), kDenied, true, kOnlyVary},
        PolicyCase{"NullNotSaid", usual(), request("GET", "null"), kDenied, false, kOnlyVary},
        PolicyCase{"NullSaid", with([](Settings &s) { EXPECT_TRUE(s.origins.add("null")); }),
                   request("GET", "null"), kSimple, false,
                   "Allow-Origin: null\nExpose-Headers: Retry-After\nVary: Origin"},
        PolicyCase{"EmptyOrigin", usual(), request("POST", ""), kDenied, true, kOnlyVary},
        PolicyCase{"TwoOrigins", usual(),
                   changed(request("POST", kApp), [](Request &r) { r.origin.is_repeated = true; }), kDenied,
                   true, kOnlyVary},
        PolicyCase{"Credentials", with([](Settings &s) { s.credentials = true; }), request("GET", kApp),
                   kSimple, false,
                   "Allow-Origin: https://app.example.org\nAllow-Credentials: true\n"
                   "Expose-Headers: Retry-After\nVary: Origin"},
        PolicyCase{"CredentialsDenied", with([](Settings &s) { s.credentials = true; }),
                   request("GET", kEvil), kDenied, false, kOnlyVary},
        PolicyCase{"NothingExposed", with([](Settings &s) { s.expose.clear(); }), request("GET", kApp),
                   kSimple, false, "Allow-Origin: https://app.example.org\nVary: Origin"},
        PolicyCase{"EveryOrigin", with_any(), request("GET", kEvil), kSimple, false,
                   "Allow-Origin: *\nExpose-Headers: Retry-After\nVary:"},
        PolicyCase{"EveryOriginSaidToAll",
                   with_any(),
                   {.method = "GET", .origin = {}},
                   kNone,
                   false,
                   "Allow-Origin: *\nExpose-Headers: Retry-After\nVary:"},
        PolicyCase{"EveryOriginNull", with_any(), request("POST", "null"), kSimple, false,
                   "Allow-Origin: *\nExpose-Headers: Retry-After\nVary:"}),
    name_of<PolicyCase>);

INSTANTIATE_TEST_SUITE_P(
    OwnServer, PolicyTest,
    testing::Values(
        PolicyCase{"ByItsHost", usual(), request("POST", "https://edge.example"), kNone, false, kOnlyVary},
        PolicyCase{"ByItsHostBehindTls", usual(), request("POST", "http://edge.example"), kNone, false,
                   kOnlyVary},
        PolicyCase{"AnotherPort", usual(), request("POST", "https://edge.example:8443"), kDenied, true,
                   kOnlyVary},
        PolicyCase{"FetchSiteSaysSo", usual(),
                   changed(request("POST", "null"), [](Request &r) { r.fetch_site = "same-origin"; }), kNone,
                   false, kOnlyVary},
        PolicyCase{"FetchSiteNone", usual(),
                   changed(request("POST", "null"), [](Request &r) { r.fetch_site = "none"; }), kNone, false,
                   kOnlyVary},
        PolicyCase{
            "FetchSiteSaysNo", usual(),
            changed(request("POST", "https://edge.example"), [](Request &r) { r.fetch_site = "cross-site"; }),
            kDenied, true, kOnlyVary},
        PolicyCase{"SameSiteIsNotSameOrigin", usual(),
                   changed(request("POST", kEvil), [](Request &r) { r.fetch_site = "same-site"; }), kDenied,
                   true, kOnlyVary},
        PolicyCase{
            "TwoOrigins", usual(),
            changed(request("POST", "https://edge.example"), [](Request &r) { r.origin.is_repeated = true; }),
            kDenied, true, kOnlyVary},
        PolicyCase{"OwnMethodNotListed", usual(), request("PATCH", "https://edge.example"), kNone, false,
                   kOnlyVary},
        PolicyCase{"NoHost", usual(),
                   changed(request("POST", "https://edge.example"), [](Request &r) { r.host = ""; }), kDenied,
                   true, kOnlyVary}),
    name_of<PolicyCase>);

INSTANTIATE_TEST_SUITE_P(
    Upgrades, PolicyTest,
    testing::Values(
        PolicyCase{"Allowed", usual(), changed(request("GET", kApp), [](Request &r) { r.is_upgrade = true; }),
                   kSimple, false, kSimpleAnswer},
        PolicyCase{"Denied", usual(), changed(request("GET", kEvil), [](Request &r) { r.is_upgrade = true; }),
                   kDenied, true, kOnlyVary},
        PolicyCase{"Own", usual(),
                   changed(request("GET", "http://edge.example"), [](Request &r) { r.is_upgrade = true; }),
                   kNone, false, kOnlyVary},
        PolicyCase{"GetNotListed", with([](Settings &s) { s.methods = {"POST"}; }),
                   changed(request("GET", kApp), [](Request &r) { r.is_upgrade = true; }), kSimple, false,
                   kSimpleAnswer}),
    name_of<PolicyCase>);

INSTANTIATE_TEST_SUITE_P(
    Preflights, PolicyTest,
    testing::Values(
        PolicyCase{"Put", usual(), preflight(kApp, "PUT"), kPreflight, false, kPreflightAnswer},
        PolicyCase{"Safelisted", usual(), preflight(kApp, "HEAD"), kPreflight, false, kPreflightAnswer},
        PolicyCase{"MethodNotListed", usual(), preflight(kApp, "PATCH"), kDenied, false, kPreflightAnswer},
        PolicyCase{"MethodOfAnotherCase", usual(), preflight(kApp, "put"), kDenied, false, kPreflightAnswer},
        PolicyCase{"NoMethod", usual(), preflight(kApp, ""), kDenied, false, kPreflightAnswer},
        PolicyCase{"TwoMethods", usual(),
                   changed(preflight(kApp, "PUT"), [](Request &r) { r.requested_method.is_repeated = true; }),
                   kDenied, false, kPreflightAnswer},
        PolicyCase{"Header", usual(), preflight(kApp, "POST", "content-type"), kPreflight, false,
                   kPreflightAnswer},
        PolicyCase{"Headers", usual(), preflight(kApp, "POST", "content-type,x-api-key"), kPreflight, false,
                   kPreflightAnswer},
        PolicyCase{"HeadersWithBlanks", usual(), preflight(kApp, "POST", "Content-Type , X-API-KEY"),
                   kPreflight, false, kPreflightAnswer},
        PolicyCase{"HeaderNotListed", usual(), preflight(kApp, "POST", "content-type,x-other"), kDenied,
                   false, kPreflightAnswer},
        PolicyCase{"HeadersOfGrpcWeb", with([](Settings &s) {
                       s.headers = {"Content-Type", "X-Grpc-Web", "X-User-Agent", "Grpc-Timeout"};
                   }),
                   preflight(kApp, "POST", "content-type,grpc-timeout,x-grpc-web,x-user-agent"), kPreflight,
                   false,
                   "Allow-Origin: https://app.example.org\nAllow-Methods: GET, POST, PUT, DELETE\n"
                   "Allow-Headers: Content-Type, X-Grpc-Web, X-User-Agent, Grpc-Timeout\nMax-Age: 600\n" +
                       kPreflightVary},
        PolicyCase{"HeaderThatIsNoName", usual(), preflight(kApp, "POST", "content/type"), kDenied, false,
                   kPreflightAnswer},
        PolicyCase{"HeadersTwice", usual(),
                   changed(preflight(kApp, "PUT", "x-api-key"),
                           [](Request &r) { r.requested_headers.is_repeated = true; }),
                   kDenied, false, kPreflightAnswer},
        PolicyCase{"Origin", usual(), preflight(kEvil, "PUT"), kDenied, false, kPreflightVary},
        PolicyCase{"OriginNull", usual(), preflight("null", "GET"), kDenied, false, kPreflightVary},
        PolicyCase{"OriginsTwice", usual(),
                   changed(preflight(kApp, "PUT"), [](Request &r) { r.origin.is_repeated = true; }), kDenied,
                   false, kPreflightVary},
        PolicyCase{"WithoutOrigin", usual(),
                   changed(preflight(kApp, "PUT"), [](Request &r) { r.origin = {}; }), kNone, false,
                   kOnlyVary},
        PolicyCase{"NotByOptions", usual(),
                   changed(preflight(kApp, "PUT"), [](Request &r) { r.method = "GET"; }), kSimple, false,
                   kSimpleAnswer},
        PolicyCase{"Subdomain", usual(), preflight("https://b.a.example.net", "GET"), kPreflight, false,
                   "Allow-Origin: https://b.a.example.net\nAllow-Methods: GET, POST, PUT, DELETE\n"
                   "Allow-Headers: Content-Type, X-API-Key\nMax-Age: 600\n" +
                       kPreflightVary},
        PolicyCase{
            "Credentials", with([](Settings &s) { s.credentials = true; }), preflight(kApp, "PUT"),
            kPreflight, false,
            "Allow-Origin: https://app.example.org\nAllow-Credentials: true\n"
            "Allow-Methods: GET, POST, PUT, DELETE\nAllow-Headers: Content-Type, X-API-Key\nMax-Age: 600\n" +
                kPreflightVary},
        PolicyCase{"NothingListed", with([](Settings &s) {
                       s.methods.clear();
                       s.headers.clear();
                       s.max_age_s = 0;
                   }),
                   preflight(kApp, "POST"), kPreflight, false,
                   "Allow-Origin: https://app.example.org\nMax-Age: 0\n" + kPreflightVary},
        PolicyCase{
            "EveryOrigin", with_any(), preflight(kEvil, "PUT"), kPreflight, false,
            "Allow-Origin: *\nAllow-Methods: GET, POST, PUT, DELETE\n"
            "Allow-Headers: Content-Type, X-API-Key\nMax-Age: 600\nVary: Access-Control-Request-Method"},
        PolicyCase{"EveryMethod", with([](Settings &s) { s.methods = {"*"}; }), preflight(kApp, "BREW"),
                   kPreflight, false,
                   "Allow-Origin: https://app.example.org\nAllow-Methods: *\n"
                   "Allow-Headers: Content-Type, X-API-Key\nMax-Age: 600\n" +
                       kPreflightVary},
        PolicyCase{"EveryHeader", with([](Settings &s) { s.headers = {"*"}; }),
                   preflight(kApp, "PUT", "x-other"), kPreflight, false,
                   "Allow-Origin: https://app.example.org\nAllow-Methods: GET, POST, PUT, DELETE\n"
                   "Allow-Headers: *\nMax-Age: 600\n" +
                       kPreflightVary},
        PolicyCase{"EveryHeaderButAuthorization", with([](Settings &s) { s.headers = {"*"}; }),
                   preflight(kApp, "PUT", "authorization"), kDenied, false,
                   "Allow-Origin: https://app.example.org\nAllow-Methods: GET, POST, PUT, DELETE\n"
                   "Allow-Headers: *\nMax-Age: 600\n" +
                       kPreflightVary},
        PolicyCase{"EveryHeaderAndAuthorization", with([](Settings &s) {
                       s.headers = {"*", "Authorization"};
                   }),
                   preflight(kApp, "PUT", "authorization,x-other"), kPreflight, false,
                   "Allow-Origin: https://app.example.org\nAllow-Methods: GET, POST, PUT, DELETE\n"
                   "Allow-Headers: *, Authorization\nMax-Age: 600\n" +
                       kPreflightVary}),
    name_of<PolicyCase>);

Settings reflecting() {
    return with([](Settings &s) {
        s.headers.clear();
        s.reflect_headers = true;
    });
}

std::string reflected(const std::string &headers) {
    return "Allow-Origin: https://app.example.org\nAllow-Methods: GET, POST, PUT, DELETE\n" + headers +
           "Max-Age: 600\n" + kPreflightVary + " Access-Control-Request-Headers";
}

const std::string kTooLong(5000, 'x');

INSTANTIATE_TEST_SUITE_P(
    Reflection, PolicyTest,
    testing::Values(PolicyCase{"OfNone", reflecting(), preflight(kApp, "PUT"), kPreflight, false,
                               reflected("")},
                    PolicyCase{"OfSome", reflecting(), preflight(kApp, "PUT", "authorization,x-other"),
                               kPreflight, false, reflected("Allow-Headers: authorization,x-other\n")},
                    PolicyCase{"OfWhatIsNoName", reflecting(), preflight(kApp, "PUT", "x-a,(x-b)"), kDenied,
                               false, reflected("")},
                    PolicyCase{"OfTooMuch", reflecting(), preflight(kApp, "PUT", kTooLong), kDenied, false,
                               reflected("")},
                    PolicyCase{"ForNobodyElse", reflecting(), preflight(kEvil, "PUT", "x-other"), kDenied,
                               false, kPreflightVary + " Access-Control-Request-Headers"}),
    name_of<PolicyCase>);

Settings private_network() {
    return with([](Settings &s) { s.private_network = true; });
}

Request into_private_network(std::string_view value) {
    return changed(preflight(kApp, "PUT"), [&](Request &r) { r.requested_private_network = field(value); });
}

const std::string kPrivateVary = kPreflightVary + " Access-Control-Request-Private-Network";
const std::string kWithoutVary = kPreflightAnswer.substr(0, kPreflightAnswer.find("Vary"));

INSTANTIATE_TEST_SUITE_P(
    PrivateNetwork, PolicyTest,
    testing::Values(PolicyCase{"Allowed", private_network(), into_private_network("true"), kPreflight, false,
                               kWithoutVary + "Allow-Private-Network: true\n" + kPrivateVary},
                    PolicyCase{"NotAsked", private_network(), preflight(kApp, "PUT"), kPreflight, false,
                               kWithoutVary + kPrivateVary},
                    PolicyCase{"AskedOtherwise", private_network(), into_private_network("1"), kPreflight,
                               false, kWithoutVary + kPrivateVary},
                    PolicyCase{"NotAllowed", usual(), into_private_network("true"), kDenied, false,
                               kPreflightAnswer}),
    name_of<PolicyCase>);

struct ImpossibleCase {
    const char *name;
    Settings settings;
    std::string_view why;
};

class Impossible : public testing::TestWithParam<ImpossibleCase> {};

TEST_P(Impossible, IsRefused) {
    Settings settings = GetParam().settings;
    EXPECT_TRUE(Policy::make(settings)) << "without credentials";
    settings.credentials = true;
    const Result<Policy> policy = Policy::make(settings);
    ASSERT_FALSE(policy);
    EXPECT_NE(policy.error().message.find(GetParam().why), std::string::npos) << policy.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    WithCredentials, Impossible,
    testing::Values(
        ImpossibleCase{"EveryOrigin", with_any(), "every origin"},
        ImpossibleCase{"Null", with([](Settings &s) { EXPECT_TRUE(s.origins.add("null")); }), "null"},
        ImpossibleCase{"EveryMethod", with([](Settings &s) { s.methods = {"*"}; }), "for a name"},
        ImpossibleCase{"EveryHeader", with([](Settings &s) { s.headers = {"*"}; }), "for a name"},
        ImpossibleCase{"EveryAnswerHeader", with([](Settings &s) { s.expose = {"*"}; }), "for a name"}),
    name_of<ImpossibleCase>);

using Names = std::vector<std::string>;

TEST(Lists, AreSeparatedByCommasOrBlanks) {
    EXPECT_EQ(parse_methods("GET").value(), Names{"GET"});
    EXPECT_EQ(parse_methods("GET, POST PUT,DELETE").value(), (Names{"GET", "POST", "PUT", "DELETE"}));
    EXPECT_EQ(parse_methods("*").value(), Names{"*"});
    EXPECT_EQ(parse_methods(" , ").value(), Names{});
    EXPECT_EQ(parse_field_names("X-A,x-b").value(), (Names{"X-A", "x-b"}));
    EXPECT_EQ(parse_field_names("").value(), Names{});
}

TEST(Lists, RefuseWhatBrowsersNeverSend) {
    for (const std::string_view text :
         {"get", "Post", "GET patch", "TRACE", "connect", "Track", "GE T/1", "G@T"}) {
        EXPECT_FALSE(parse_methods(text)) << text;
    }
    for (const std::string_view text : {"X-A:", "X-\xc3\xa4", "X-A;X-B", "\"X\""}) {
        EXPECT_FALSE(parse_field_names(text)) << text;
    }
    EXPECT_TRUE(parse_methods("brew"));
}

TEST(Lists, AreBounded) {
    std::string text;
    for (int i = 0; i < 100; ++i) {
        text.append("X-").append(std::to_string(i)).append(" ");
    }
    EXPECT_TRUE(parse_field_names(text));
    EXPECT_FALSE(parse_field_names(text + "X-more"));
}

TEST(Vary, ListsNamesInAnyCase) {
    EXPECT_TRUE(is_in_vary("Origin", "Origin"));
    EXPECT_TRUE(is_in_vary("accept-encoding, origin", "Origin"));
    EXPECT_TRUE(is_in_vary("*", "Origin"));
    EXPECT_FALSE(is_in_vary("", "Origin"));
    EXPECT_FALSE(is_in_vary("X-Origin, Originator", "Origin"));
}

}  // namespace
}  // namespace nexus::cors
