// The examples that AWS publishes: its IAM user guide ("Create a signed AWS API request"), the signature
// version 4 test suite, and the Amazon S3 API reference ("Signature calculations for the Authorization
// header").
#include "shared/sigv4/sign.h"

#include <gtest/gtest.h>

#include <vector>

#include "shared/crypto/digest.h"
#include "shared/encoding/hex.h"

namespace nexus::sigv4 {
namespace {

using http1::HeaderLine;

constexpr std::string_view kSuiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kS3Secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string signature_of(const Request &request, const Scope &scope, std::string_view date,
                         std::string_view secret) {
    const Signature made = sign(request, scope, date, make_signing_key(secret, date.substr(0, 8), scope));
    return std::string{crypto::as_view(made.hex)};
}

TEST(SigningKey, OfTheIamExample) {
    EXPECT_EQ(encoding::hex_encode(derive_signing_key(kSuiteSecret, "20150830", {"us-east-1", "iam"}).view()),
              "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

TEST(SigningKey, DatesAreUtc) {
    EXPECT_EQ(amz_date(1'440'938'160'999).view(), "20150830T123600Z");
    EXPECT_EQ(amz_date(951'782'399'000).view(), "20000228T235959Z");
    EXPECT_EQ(amz_date(951'782'400'000).view(), "20000229T000000Z");
    EXPECT_EQ(credential_scope("20150830", {"us-east-1", "iam"}), "20150830/us-east-1/iam/aws4_request");
}

TEST(SigningKey, WhatASignatureIsFor) {
    const auto hint = [](std::string_view credential) -> std::string {
        const std::string line = "AWS4-HMAC-SHA256 Credential=" + std::string{credential};
        const std::optional<Scope> scope = hinted_scope(line);
        return scope ? std::string{scope->region} + " " + std::string{scope->service} : "none";
    };
    EXPECT_EQ(hint("dummy/20200101/eu-west-3/s3/aws4_request, SignedHeaders=host, Signature=00"),
              "eu-west-3 s3");
    EXPECT_EQ(hint("dummy/20200101/eu-west-3/s3/aws4_request,SignedHeaders=host"), "eu-west-3 s3");
    EXPECT_EQ(hint("a/key/of/slashes/20200101/us-east-1/sqs/aws4_request"), "us-east-1 sqs");
    for (const char *odd : {"", "dummy", "aws4_request", "s3/aws4_request", "dummy/20200101/eu-west-3/s3",
                            "d/2/EU/s3/aws4_request", "d/2//s3/aws4_request", "d/2/eu-west-3//aws4_request",
                            "d/2/eu-west-3/s3/aws4_request/"}) {
        EXPECT_EQ(hint(odd), "none") << odd;
    }
    EXPECT_FALSE(hinted_scope("Bearer d/2/eu-west-3/s3/aws4_request"));
    EXPECT_FALSE(hinted_scope("AWS4-ECDSA-P256-SHA256 Credential=d/2/s3/aws4_request"));
}

TEST(Sign, TheIamExample) {
    const std::vector<HeaderLine> headers = {
        {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
        {"Host", "iam.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"}};
    const Request request{"GET", "/?Action=ListUsers&Version=2010-05-08", headers, kEmptyHash};
    const Scope scope{"us-east-1", "iam"};
    EXPECT_EQ(crypto::sha256_hex(canonical_request(request, scope)),
              "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
    const Signature signature =
        sign(request, scope, "20150830T123600Z", make_signing_key(kSuiteSecret, "20150830", scope));
    EXPECT_EQ(authorization("AKIDEXAMPLE", signature),
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
              "SignedHeaders=content-type;host;x-amz-date, "
              "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(Sign, TheSuitesVanillaRequest) {
    const std::vector<HeaderLine> headers = {{"Host", "example.amazonaws.com"},
                                             {"X-Amz-Date", "20150830T123600Z"}};
    EXPECT_EQ(signature_of({"GET", "/", headers, kEmptyHash}, {"us-east-1", "service"}, "20150830T123600Z",
                           kSuiteSecret),
              "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

struct S3Example {
    const char *name;
    std::string_view method;
    std::string_view target;
    std::vector<HeaderLine> more;
    std::string_view payload;
    std::string_view signature;
};

class S3Examples : public testing::TestWithParam<S3Example> {};

TEST_P(S3Examples, AreSignedAsPublished) {
    const S3Example &example = GetParam();
    const std::string hash = crypto::sha256_hex(example.payload);
    std::vector<HeaderLine> headers = example.more;
    headers.push_back({"Host", "examplebucket.s3.amazonaws.com"});
    headers.push_back({"x-amz-content-sha256", hash});
    headers.push_back({"x-amz-date", "20130524T000000Z"});
    EXPECT_EQ(signature_of({example.method, example.target, headers, hash}, {"us-east-1", "s3"},
                           "20130524T000000Z", kS3Secret),
              example.signature);
}

INSTANTIATE_TEST_SUITE_P(
    Published, S3Examples,
    testing::Values(S3Example{"GetObject",
                              "GET",
                              "/test.txt",
                              {{"Range", "bytes=0-9"}},
                              "",
                              "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
                    S3Example{"PutObject",
                              "PUT",
                              "/test$file.text",
                              {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                               {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                              "Welcome to Amazon S3.",
                              "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
                    S3Example{"GetBucketLifecycle",
                              "GET",
                              "/?lifecycle",
                              {},
                              "",
                              "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
                    S3Example{"ListObjects",
                              "GET",
                              "/?max-keys=2&prefix=J",
                              {},
                              "",
                              "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}),
    [](const auto &example) { return std::string{example.param.name}; });

}  // namespace
}  // namespace nexus::sigv4
