// Strategies that sign: against values that others have computed (openssl dgst -hmac, AWS's published
// examples).
#include "shared/strategy/signing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/crypto/digest.h"
#include "tests/unit/shared/strategy/records.h"

namespace nexus::strategy {
namespace {

Body body_of(std::string_view text) {
    return [text](const std::function<void(std::string_view)> &take) {
        take(text.substr(0, text.size() / 2));
        take(text.substr(text.size() / 2));
        return true;
    };
}

std::string value_of(const Signature &signature, std::string_view name) {
    for (const SignedLine &line : signature.set) {
        if (line.name == name) {
            return std::string{line.value};
        }
    }
    return "(none)";
}

constexpr std::string_view kPost = "POST /v1/pay?x=1 HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
constexpr UnixMs kNow = 1'700'000'000'123;

struct Hmac {
    const char *label;
    Members config;
    const char *body;
    const char *value;
};

class HmacPayload : public testing::TestWithParam<Hmac> {};

TEST_P(HmacPayload, IsAsOthersComputeIt) {
    const Hmac &expected = GetParam();
    Members config = expected.config;
    config.emplace_back("header_name", "X-Signature");
    const tests::OpenedToken opened(record_with("hmac_payload", config, {{"api_secret", "key"}}));
    const Signature signature = *sign_request(opened.view, {kPost, body_of(expected.body), {}, kNow});
    EXPECT_EQ(value_of(signature, "X-Signature"), expected.value);
    EXPECT_EQ(std::string{opened.view.strategy_config("value_prefix")}.append(signature.bare),
              expected.value);
}

INSTANTIATE_TEST_SUITE_P(
    All, HmacPayload,
    testing::Values(
        // RFC 2104's and Wikipedia's common example: key "key", the pangram
        Hmac{"Sha256Hex",
             {},
             "The quick brown fox jumps over the lazy dog",
             "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"},
        Hmac{"Sha1Hex",
             {{"algo", "sha1"}},
             "The quick brown fox jumps over the lazy dog",
             "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9"},
        Hmac{"Sha1Base64",
             {{"algo", "sha1"}, {"encoding", "base64"}, {"value_prefix", "sha1="}},
             "The quick brown fox jumps over the lazy dog",
             "sha1=3nybhbi3iqa8ino29wqQcBydtNk="},
        Hmac{"EmptyBody", {}, "", "5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0"}),
    [](const auto &one) { return std::string{one.param.label}; });

TEST(HmacTemplate, NamesHaveTheirPlaces) {
    Members config = {{"header_name", "X-Signature"},
                      {"template", "v0:{timestamp}:{method}:{path}:{body}"},
                      {"timestamp_header", "X-Timestamp"}};
    const tests::OpenedToken opened(record_with("hmac_payload", config, {{"api_secret", "key"}}));
    const Signature signature = *sign_request(opened.view, {kPost, body_of("{}"), {}, kNow});
    EXPECT_EQ(value_of(signature, "X-Timestamp"), "1700000000");

    const tests::OpenedToken plain(
        record_with("hmac_payload", {{"header_name", "X-Signature"}}, {{"api_secret", "key"}}));
    const Signature same =
        *sign_request(plain.view, {kPost, body_of("v0:1700000000:POST:/v1/pay?x=1:{}"), {}, kNow});
    EXPECT_EQ(value_of(signature, "X-Signature"), value_of(same, "X-Signature"));
}

TEST(HmacTemplate, MillisecondsAreToldAsSuch) {
    Members config = {{"header_name", "X-Signature"},
                      {"template", "{timestamp_ms}{body}"},
                      {"timestamp_header", "X-Timestamp"}};
    const tests::OpenedToken opened(record_with("hmac_payload", config, {{"api_secret", "key"}}));
    EXPECT_EQ(value_of(*sign_request(opened.view, {kPost, body_of("{}"), {}, kNow}), "X-Timestamp"),
              "1700000000123");
}

struct Refused {
    const char *label;
    const char *strategy;
    Members config;
    Members credentials;
};

class SigningIsRefused : public testing::TestWithParam<Refused> {};

TEST_P(SigningIsRefused, WhereItCannotBeRight) {
    const Refused &refused = GetParam();
    const tests::OpenedToken opened(record_with(refused.strategy, refused.config, refused.credentials));
    const Result<Signature> signature =
        sign_request(opened.view, {kPost, body_of("secret-body"), "UNSIGNED-PAYLOAD", kNow});
    ASSERT_FALSE(signature);
    EXPECT_EQ(signature.error().errc, Errc::kStrategyFailed);
    EXPECT_THAT(signature.error().message, testing::Not(testing::HasSubstr("hunter2")));
}

const Members kAws = {{"access_key", "AKID"}, {"secret_key", "hunter2"}};

INSTANTIATE_TEST_SUITE_P(
    All, SigningIsRefused,
    testing::Values(
        Refused{"AnotherStrategy", "oauth2", {}, {{"access_token", "hunter2"}}},
        Refused{"NoHeaderName", "hmac_payload", {}, {{"api_secret", "hunter2"}}},
        Refused{"FramingHeader",
                "hmac_payload",
                {{"header_name", "Content-Length"}},
                {{"api_secret", "hunter2"}}},
        Refused{"FramingTimestamp",
                "hmac_payload",
                {{"header_name", "X"}, {"timestamp_header", "Host"}},
                {{"api_secret", "hunter2"}}},
        Refused{"NoSecret", "hmac_payload", {{"header_name", "X"}}, {}},
        Refused{"UnknownAlgorithm",
                "hmac_payload",
                {{"header_name", "X"}, {"algo", "md5"}},
                {{"api_secret", "hunter2"}}},
        Refused{"UnknownEncoding",
                "hmac_payload",
                {{"header_name", "X"}, {"encoding", "rot13"}},
                {{"api_secret", "hunter2"}}},
        Refused{"UnknownName",
                "hmac_payload",
                {{"header_name", "X"}, {"template", "{nonce}"}},
                {{"api_secret", "hunter2"}}},
        Refused{"OpenBrace",
                "hmac_payload",
                {{"header_name", "X"}, {"template", "{body"}},
                {{"api_secret", "hunter2"}}},
        Refused{"BrokenPrefix",
                "hmac_payload",
                {{"header_name", "X"}, {"value_prefix", "a\r\nb"}},
                {{"api_secret", "hunter2"}}},
        Refused{"NoService", "aws_sigv4", {}, kAws},
        Refused{"OddService", "aws_sigv4", {{"service", "s3/x"}}, kAws},
        Refused{"OddRegion", "aws_sigv4", {{"service", "s3"}, {"region", "eu west"}}, kAws},
        Refused{"NoAccessKey", "aws_sigv4", {{"service", "s3"}}, {{"secret_key", "hunter2"}}},
        Refused{"BrokenSessionToken",
                "aws_sigv4",
                {{"service", "s3"}},
                {{"access_key", "AKID"}, {"secret_key", "hunter2"}, {"session_token", "a\nhunter2"}}}),
    [](const auto &one) { return std::string{one.param.label}; });

TEST(SigningIsRefused, ABodyThatCannotBeReadIsNotSigned) {
    const tests::OpenedToken opened(
        record_with("hmac_payload", {{"header_name", "X"}}, {{"api_secret", "key"}}));
    EXPECT_FALSE(sign_request(opened.view, {kPost, [](const auto &) { return false; }, {}, kNow}));
}

TEST(SigningIsRefused, AHeadThatIsNoneIsNotSigned) {
    const tests::OpenedToken opened(record_with("aws_sigv4", {{"service", "s3"}}, kAws));
    for (const std::string_view head :
         {"", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n folded: x\r\n\r\n"}) {
        EXPECT_FALSE(sign_request(opened.view, {head, body_of(""), "UNSIGNED-PAYLOAD", kNow})) << head;
    }
}

// The published PutObject example without its Date line, which is not signed here: Host, X-Amz-* and what AWS
// wants are.
TEST(AwsSigv4, SignsWhatArrivesAndLeavesTheRestAlone) {
    const std::string_view head =
        "PUT /test$file.text HTTP/1.1\r\nUser-Agent: x\r\nHost: examplebucket.s3.amazonaws.com\r\n"
        "Authorization: AWS4-HMAC-SHA256 dummy\r\nx-amz-security-token: dummy\r\nX-Amz-Date: "
        "20000101T000000Z\r\n"
        "x-amz-storage-class:  REDUCED_REDUNDANCY \r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n";
    const std::string hash = crypto::sha256_hex("Welcome to Amazon S3.");
    const tests::OpenedToken opened(
        record_with("aws_sigv4", {{"service", "s3"}},
                    {{"access_key", "AKIAIOSFODNN7EXAMPLE"},
                     {"secret_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}}));
    const Signature signature = *sign_request(opened.view, {head, body_of(""), hash, 1'369'353'600'000});
    EXPECT_THAT(value_of(signature, "Authorization"),
                testing::StartsWith(
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                    "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
                    "Signature="));
    EXPECT_EQ(signature.bare.size(), 64u);
    EXPECT_THAT(value_of(signature, "Authorization"),
                testing::EndsWith(std::string{"Signature="}.append(signature.bare)));
    EXPECT_EQ(value_of(signature, "X-Amz-Date"), "20130524T000000Z");
    EXPECT_EQ(value_of(signature, "X-Amz-Content-Sha256"), hash);
    EXPECT_THAT(signature.remove, testing::ElementsAre("X-Amz-Security-Token"));
}

TEST(AwsSigv4, TheLocationsChoiceGoesFirstAndKeysAreAskedForOnce) {
    const tests::OpenedToken opened(
        record_with("aws_sigv4", {{"service", "s3"}, {"region", "eu-west-1"}},
                    {{"access_key", "AKID"}, {"secret_key", "sk"}, {"session_token", "st"}}));
    int asked = 0;
    const SigningKeys keys = [&](std::string_view secret, std::string_view date, const sigv4::Scope &scope) {
        ++asked;
        EXPECT_EQ(secret, "sk");
        EXPECT_EQ(date, "20231114");
        EXPECT_EQ(scope.region, "us-west-2");
        EXPECT_EQ(scope.service, "dynamodb");
        return sigv4::make_signing_key(secret, date, scope);
    };
    const Signature signature = *sign_request(opened.view, {kPost, body_of(""), "UNSIGNED-PAYLOAD", kNow},
                                              {"us-west-2", "dynamodb"}, keys);
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(value_of(signature, "X-Amz-Security-Token"), "st");
    EXPECT_THAT(value_of(signature, "Authorization"), testing::HasSubstr("x-amz-security-token, Signature="));
    EXPECT_TRUE(signature.remove.empty());
}

}  // namespace
}  // namespace nexus::strategy
