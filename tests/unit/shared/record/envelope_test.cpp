#include "shared/record/envelope.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/record/samples.h"
#include "tests/unit/shared/test_keys.h"

namespace nexus::record {
namespace {

using tests::key_text;

constexpr std::string_view kKey = "nexus:tok:{6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01}";

class Envelope : public testing::Test {
protected:
    crypto::Keyring keyring_ = tests::keyring(key_text('a'));
    Header header_ = header_of(tests::sample_token());
    std::string sealed_ = seal(keyring_, header_, kKey, "payload").value();
};

TEST_F(Envelope, TheClearHeaderSaysWhatWasSealed) {
    ASSERT_EQ(sealed_.size(), kOverheadBytes + 7);
    const Header header = parse_header(sealed_).value();
    EXPECT_EQ(header.kind, Kind::kToken);
    EXPECT_EQ(header.state, 2);
    EXPECT_EQ(header.key_id, keyring_.current().id);
    EXPECT_EQ(header.generation, 7u);
    EXPECT_EQ(header.expires_at, 1'767'225'600'000);
}

TEST_F(Envelope, OpensToThePayload) {
    EXPECT_EQ(open(keyring_, kKey, sealed_).value().view(), "payload");
    std::string out(sealed_.size() - kOverheadBytes, '\0');
    const Header header = parse_header(sealed_).value();
    EXPECT_EQ(open_into(keyring_, header, kKey, sealed_, out).value(), 7u);
    EXPECT_EQ(out, "payload");
    out.pop_back();
    EXPECT_FALSE(open_into(keyring_, header, kKey, sealed_, out));
}

TEST_F(Envelope, OpensInPlace) {
    std::string bytes = sealed_;
    const std::span<char> payload = std::span<char>(bytes).subspan(kHeaderBytes);
    const Header header = parse_header(sealed_).value();
    EXPECT_EQ(open_into(keyring_, header, kKey, bytes, payload).value(), 7u);
    EXPECT_EQ(bytes.substr(kHeaderBytes, 7), "payload");

    bytes = sealed_;
    bytes[kHeaderBytes] = static_cast<char>(bytes[kHeaderBytes] ^ 1);
    EXPECT_FALSE(open_into(keyring_, header, kKey, bytes, payload));
    EXPECT_EQ(bytes.substr(kHeaderBytes, 7), std::string(7, '\0'));
}

TEST_F(Envelope, NoncesDiffer) {
    EXPECT_NE(seal(keyring_, header_, kKey, "payload").value(), sealed_);
}

TEST_F(Envelope, EveryFlippedBitIsRefused) {
    for (size_t bit = 0; bit < sealed_.size() * 8; ++bit) {
        std::string changed = sealed_;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
        const Result<Secret> opened = open(keyring_, kKey, changed);
        ASSERT_FALSE(opened) << "byte " << bit / 8 << " bit " << bit % 8;
        const Errc errc = opened.error().errc;
        EXPECT_TRUE(errc == Errc::kMalformedRecord || errc == Errc::kUnknownKey || errc == Errc::kSealBroken);
        if (bit / 8 >= 16) {
            EXPECT_NE(errc, Errc::kUnknownKey);
        }
    }
}

TEST_F(Envelope, EveryTruncationAndExtensionIsRefused) {
    for (size_t size = 0; size < sealed_.size(); ++size) {
        EXPECT_FALSE(open(keyring_, kKey, std::string_view{sealed_}.substr(0, size))) << size;
    }
    EXPECT_EQ(open(keyring_, kKey, sealed_ + "x").error().errc, Errc::kSealBroken);
}

TEST_F(Envelope, ARecordOfAnotherKeyIsRefused) {
    EXPECT_EQ(open(keyring_, "nexus:tok:{7f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01}", sealed_).error().errc,
              Errc::kSealBroken);
    EXPECT_EQ(open(keyring_, "", sealed_).error().errc, Errc::kSealBroken);
    EXPECT_EQ(open(keyring_, std::string(257, 'k'), sealed_).error().errc, Errc::kMalformedRecord);
}

TEST_F(Envelope, AnotherCacheKeyIsUnknownAndAnOldOneOpens) {
    EXPECT_EQ(open(tests::keyring(key_text('b')), kKey, sealed_).error().errc, Errc::kUnknownKey);
    EXPECT_TRUE(open(tests::keyring(key_text('b'), key_text('a')), kKey, sealed_));
}

TEST_F(Envelope, OtherVersionsStatesAndReservedBitsAreMalformed) {
    const auto with = [&](size_t at, char value) {
        std::string changed = sealed_;
        changed[at] = value;
        return parse_header(changed);
    };
    EXPECT_EQ(with(0, 'X').error().errc, Errc::kMalformedRecord);
    EXPECT_EQ(with(4, 2).error().errc, Errc::kMalformedRecord);
    EXPECT_EQ(with(5, 0).error().errc, Errc::kMalformedRecord);
    EXPECT_EQ(with(5, 7).error().errc, Errc::kMalformedRecord);
    EXPECT_EQ(with(6, 1).error().errc, Errc::kMalformedRecord);
    EXPECT_EQ(with(23, '\x80').error().errc, Errc::kMalformedRecord) << "generation above 63 bits";
    EXPECT_EQ(with(31, '\x80').error().errc, Errc::kMalformedRecord) << "negative expiry";
    EXPECT_EQ(with(3, 'R').value().kind, Kind::kToken);
}

TEST_F(Envelope, CallerStatesEndAtTwo) {
    Header header = header_of(tests::sample_caller());
    header.state = 3;
    EXPECT_EQ(seal(keyring_, header, kKey, "").error().errc, Errc::kMalformedRecord);
    header.state = 2;
    EXPECT_EQ(parse_header(seal(keyring_, header, kKey, "").value()).value().kind, Kind::kCaller);
}

TEST_F(Envelope, TheSizeIsBounded) {
    const std::string largest(kMaxRecordBytes - kOverheadBytes, 'x');
    const std::string sealed = seal(keyring_, header_, kKey, largest).value();
    EXPECT_EQ(sealed.size(), kMaxRecordBytes);
    EXPECT_EQ(open(keyring_, kKey, sealed).value().view(), largest);
    EXPECT_EQ(seal(keyring_, header_, kKey, largest + "x").error().errc, Errc::kMalformedRecord);
    EXPECT_EQ(parse_header(sealed + "x").error().errc, Errc::kMalformedRecord);
}

TEST(HeaderExpiry, ZeroNeverExpiresAndTheLastMillisecondCounts) {
    Header header{};
    EXPECT_FALSE(header.is_expired(INT64_MAX));
    header.expires_at = 1000;
    EXPECT_FALSE(header.is_expired(999));
    EXPECT_TRUE(header.is_expired(1000));
}

}  // namespace
}  // namespace nexus::record
