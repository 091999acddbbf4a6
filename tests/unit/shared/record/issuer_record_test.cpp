#include "shared/record/issuer_record.h"

#include <gtest/gtest.h>

#include "shared/caller/identity.h"
#include "shared/redis/keys.h"
#include "tests/unit/shared/record/samples.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::record {
namespace {

IssuerRecord sample() {
    IssuerRecord issuer;
    issuer.issuer = "https://idp.example";
    issuer.workspace_id = "acme";
    issuer.generation = 7;
    issuer.audiences = {"api://edge", "api://other"};
    issuer.algorithms = {"ES256"};
    issuer.jwks = R"({"keys":[]})";
    issuer.leeway_s = 30;
    issuer.max_age_s = 600;
    return issuer;
}

std::string key_of(const IssuerRecord &issuer) {
    return redis_key(Kind::kIssuer, caller::issuer_sha256(issuer.issuer));
}

TEST(IssuerRecord, EveryFieldComesBack) {
    const crypto::Keyring keyring = tests::keyring(tests::key_text('a'));
    const std::string sealed = seal_issuer(keyring, sample()).value();
    const Header header = parse_header(sealed).value();
    EXPECT_EQ(header.kind, Kind::kIssuer);
    EXPECT_EQ(header.generation, 7u);
    const IssuerRecord read =
        parse_issuer(header, open(keyring, key_of(sample()), sealed).value().view()).value();
    EXPECT_EQ(read.issuer, "https://idp.example");
    EXPECT_EQ(read.workspace_id, "acme");
    EXPECT_EQ(read.state, IssuerState::kTrusted);
    EXPECT_EQ(read.audiences, sample().audiences);
    EXPECT_EQ(read.algorithms, sample().algorithms);
    EXPECT_EQ(read.jwks, sample().jwks);
    EXPECT_EQ(read.leeway_s, 30u);
    EXPECT_EQ(read.max_age_s, 600u);
}

TEST(IssuerRecord, IsBoundToItsIssuer) {
    const crypto::Keyring keyring = tests::keyring(tests::key_text('a'));
    const std::string sealed = seal_issuer(keyring, sample()).value();
    EXPECT_FALSE(open(keyring, redis::issuer_key(caller::issuer_sha256("https://other.example")), sealed));
    EXPECT_FALSE(open(keyring, redis::caller_key(caller::issuer_sha256(sample().issuer)), sealed));
}

TEST(IssuerRecord, RefusesAPayloadThatDisagreesWithItsHeader) {
    const Secret payload = encode_issuer(sample()).value();
    Header header = header_of(sample());
    EXPECT_TRUE(parse_issuer(header, payload.view()));
    header.generation = 8;
    EXPECT_FALSE(parse_issuer(header, payload.view()));
    EXPECT_FALSE(parse_issuer(header_of(tests::sample_caller()), payload.view()));
    EXPECT_FALSE(parse_issuer(header_of(sample()), encode_caller(tests::sample_caller()).value().view()));
    EXPECT_FALSE(parse_issuer(header_of(sample()), ""));
}

TEST(IssuerRecord, FitsWithTheLargestKeySet) {
    const crypto::Keyring keyring = tests::keyring(tests::key_text('a'));
    IssuerRecord issuer = sample();
    issuer.issuer = "https://" + std::string(caller::kMaxIssuerBytes - 8, 'i');
    issuer.audiences.assign(16, std::string(255, 'a'));  // what the admin API takes at most
    issuer.jwks = std::string(kMaxJwksBytes, 'k');
    EXPECT_TRUE(seal_issuer(keyring, issuer));
}

}  // namespace
}  // namespace nexus::record
