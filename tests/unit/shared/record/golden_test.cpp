// The vectors in tests/vectors are the contract of docs/token-record.md: bytes of today must open for ever.
#include <gtest/gtest.h>
#include <cstring>
#include <fstream>
#include <iterator>

#include "shared/encoding/hex.h"
#include "tests/support/record-tool/record_json.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::record {
namespace {

struct Vector {
    crypto::Keyring keyring;
    std::string redis_key;
    crypto::XaesNonce nonce;
    tests::JsonPtr record;
    std::string sealed;
};

Vector read_vector(const std::string &name) {
    std::ifstream file(std::string{NEXUS_VECTORS_DIR} + "/" + name);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const tests::JsonPtr root = tests::parse_object(text).value();
    const auto string = [&](const char *member) {
        return std::string{json_string_value(json_object_get(root.get(), member))};
    };

    Vector vector{tests::keyring(string("cache_key")),
                  string("redis_key"),
                  {},
                  tests::JsonPtr{json_incref(json_object_get(root.get(), "record"))},
                  encoding::hex_decode(string("sealed")).value()};
    const std::string nonce = encoding::hex_decode(string("nonce")).value();
    std::memcpy(vector.nonce.data(), nonce.data(), vector.nonce.size());
    return vector;
}

std::string opened_json(const Vector &vector, std::string_view sealed) {
    const Secret payload = open(vector.keyring, vector.redis_key, sealed).value();
    const Header header = parse_header(sealed).value();
    if (header.kind == Kind::kToken) {
        return tests::dump(tests::to_json(TokenView::parse(header, payload.view()).value()).get());
    }
    if (header.kind == Kind::kIssuer) {
        return tests::dump(tests::to_json(parse_issuer(header, payload.view()).value()).get());
    }
    return tests::dump(tests::to_json(header, CallerView::parse(header, payload.view()).value()).get());
}

std::string resealed(const Vector &vector, Kind kind) {
    Header header{};
    Secret payload;
    if (kind == Kind::kToken) {
        const TokenRecord token = tests::token_from_json(vector.record.get()).value();
        header = header_of(token);
        payload = encode_token(token).value();
    } else if (kind == Kind::kIssuer) {
        const IssuerRecord issuer = tests::issuer_from_json(vector.record.get()).value();
        header = header_of(issuer);
        payload = encode_issuer(issuer).value();
    } else {
        const CallerRecord caller = tests::caller_from_json(vector.record.get()).value();
        header = header_of(caller);
        payload = encode_caller(caller).value();
    }
    header.nonce = vector.nonce;
    return seal_with_nonce(vector.keyring, header, vector.redis_key, payload.view()).value();
}

struct Golden {
    const char *file;
    Kind kind;
};

class GoldenVector : public testing::TestWithParam<Golden> {
protected:
    Vector vector_ = read_vector(GetParam().file);
};

TEST_P(GoldenVector, OpensToItsFields) {
    EXPECT_EQ(opened_json(vector_, vector_.sealed), tests::dump(vector_.record.get()));
}

TEST_P(GoldenVector, HasTheDocumentedHeader) {
    const Header header = parse_header(vector_.sealed).value();
    EXPECT_EQ(header.kind, GetParam().kind);
    EXPECT_EQ(header.nonce, vector_.nonce);
    EXPECT_EQ(header.key_id, vector_.keyring.current().id);
    EXPECT_EQ(header.generation,
              static_cast<uint64_t>(json_integer_value(json_object_get(vector_.record.get(), "generation"))));
    EXPECT_EQ(header.expires_at, json_integer_value(json_object_get(vector_.record.get(), "expires_at")));
}

TEST_P(GoldenVector, SealsAgainWithTheSameHeaderAndOpens) {
    const std::string sealed = resealed(vector_, GetParam().kind);
    EXPECT_EQ(sealed.substr(0, kHeaderBytes), vector_.sealed.substr(0, kHeaderBytes));
    EXPECT_EQ(opened_json(vector_, sealed), tests::dump(vector_.record.get()));
}

TEST_P(GoldenVector, EveryChangeIsRefused) {
    for (size_t at = 0; at < vector_.sealed.size(); ++at) {
        std::string changed = vector_.sealed;
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        EXPECT_FALSE(open(vector_.keyring, vector_.redis_key, changed)) << at;
        EXPECT_FALSE(open(vector_.keyring, vector_.redis_key, std::string_view{vector_.sealed}.substr(0, at)))
            << at;
    }
    EXPECT_FALSE(open(vector_.keyring, vector_.redis_key + "x", vector_.sealed));
    EXPECT_FALSE(open(tests::keyring(tests::key_text('x')), vector_.redis_key, vector_.sealed));
}

INSTANTIATE_TEST_SUITE_P(Version1, GoldenVector,
                         testing::Values(Golden{"token-record.json", Kind::kToken},
                                         Golden{"caller-record.json", Kind::kCaller},
                                         Golden{"issuer-record.json", Kind::kIssuer}),
                         [](const auto &test) {
                             return std::string(test.param.file, std::strcspn(test.param.file, "-"));
                         });

TEST(RecordJson, RefusesUnknownMembersAndWrongTypes) {
    for (const char *text :
         {R"({"state":"active","acess_token":"x"})", R"({"state":"active","generation":"1"})",
          R"({"state":"on"})", R"({"state":"active","credentials":{"a":1}})",
          R"({"state":"active","scopes":"read"})", R"({"state":"active","expires_at":-1})"}) {
        EXPECT_FALSE(tests::token_from_json(tests::parse_object(text).value().get())) << text;
    }
    EXPECT_FALSE(tests::caller_from_json(
        tests::parse_object(R"({"state":"active","grants":["token:steal"]})").value().get()));
    EXPECT_FALSE(tests::parse_object("[]"));
}

}  // namespace
}  // namespace nexus::record
