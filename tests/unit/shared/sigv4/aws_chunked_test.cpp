// Reading bodies in aws-chunked framing: what AWS's SDKs and minio-go send is understood, whatever pieces it comes in, and
// nothing else is.
#include "shared/sigv4/aws_chunked.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nexus::sigv4 {
namespace {

constexpr std::string_view kCrc32 = "x-amz-checksum-crc32";

std::string signature() {
    return ";chunk-signature=" + std::string(64, 'a');
}

struct Read {
    std::string payload;
    std::string trailer;
    bool is_over = false;
    bool is_refused = false;
};

/// In pieces of `step` bytes, at most three bytes of payload at once.
Read read(const BodyPlan &plan, std::string_view body, size_t step) {
    ChunkedReader reader(plan);
    Read read;
    while (!body.empty() && !read.is_refused) {
        std::string_view piece = body.substr(0, step);
        body.remove_prefix(piece.size());
        while (!piece.empty() && !read.is_refused) {
            const Result<std::string_view> payload = reader.next(piece, 3);
            read.is_refused = !payload;
            read.payload += payload ? *payload : std::string_view{};
        }
    }
    read.is_over = reader.is_over();
    read.trailer = reader.trailer_value();
    return read;
}

BodyPlan plan_of(Framing framing, uint64_t size) {
    return {framing, size, has_trailer(framing) ? std::string{kCrc32} : std::string{}};
}

TEST(AwsChunked, WordsOfFramings) {
    EXPECT_EQ(framing_of(""), Framing::kPlain);
    EXPECT_EQ(framing_of("UNSIGNED-PAYLOAD"), Framing::kPlain);
    EXPECT_EQ(framing_of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Framing::kSigned);
    EXPECT_EQ(framing_of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), Framing::kSignedTrailer);
    EXPECT_EQ(framing_of("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Framing::kUnsignedTrailer);
    EXPECT_EQ(framing_of("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), std::nullopt);
    EXPECT_EQ(trailer_value_size("X-Amz-Checksum-SHA256"), 44U);
    EXPECT_EQ(trailer_value_size("x-amz-meta-a"), std::nullopt);
}

struct Good {
    const char *name;
    Framing framing;
    std::string body;
    std::string payload;
};

class AwsChunkedGood : public testing::TestWithParam<Good> {};

TEST_P(AwsChunkedGood, IsReadInPiecesOfAnySize) {
    const auto &[name, framing, body, payload] = GetParam();
    for (size_t step = 1; step <= body.size(); ++step) {
        const Read got = read(plan_of(framing, payload.size()), body, step);
        EXPECT_FALSE(got.is_refused) << step;
        EXPECT_TRUE(got.is_over) << step;
        EXPECT_EQ(got.payload, payload) << step;
        EXPECT_EQ(got.trailer, has_trailer(framing) ? "s3SFCQ==" : "") << step;
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, AwsChunkedGood,
    testing::Values(
        Good{"Signed", Framing::kSigned,
             "5" + signature() + "\r\nhello\r\n00A" + signature() + "\r\n0123\r\n6789\r\n0" + signature() + "\r\n\r\n",
             "hello0123\r\n6789"},
        Good{"SignedAndEmpty", Framing::kSigned, "0" + signature() + "\r\n\r\n", ""},
        Good{"SignedWithTrailer", Framing::kSignedTrailer,
             "5" + signature() + "\r\nhello\r\n0" + signature() +
                 "\r\nx-amz-checksum-crc32:s3SFCQ==\r\nx-amz-trailer-signature:" + std::string(64, 'F') + "\r\n\r\n",
             "hello"},
        Good{"SignedByMinioGo", Framing::kSignedTrailer,
             "5" + signature() + "\r\nhello\r\n0" + signature() +
                 "\r\nx-amz-checksum-crc32:s3SFCQ==\n\r\nx-amz-trailer-signature:" + std::string(64, 'F') + "\r\n\r\n",
             "hello"},
        Good{"Unsigned", Framing::kUnsignedTrailer, "5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:s3SFCQ==\r\n\r\n",
             "hello!"},
        Good{"UnsignedAsInTheManual", Framing::kUnsignedTrailer,
             "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:s3SFCQ==\n\r\n\r\n", "hello"}),
    [](const auto &one) { return std::string{one.param.name}; });

struct Bad {
    const char *name;
    Framing framing;
    std::string body;
};

class AwsChunkedBad : public testing::TestWithParam<Bad> {};

TEST_P(AwsChunkedBad, IsRefusedOrNotOver) {
    const auto &[name, framing, body] = GetParam();
    for (const size_t step : {size_t{1}, size_t{7}, body.size()}) {
        const Read got = read(plan_of(framing, 5), body, step);
        EXPECT_TRUE(got.is_refused || !got.is_over) << step;
        EXPECT_LE(got.payload.size(), 5U);
    }
}

const std::string kEnd = "0\r\nx-amz-checksum-crc32:s3SFCQ==\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    All, AwsChunkedBad,
    testing::Values(
        Bad{"Plain", Framing::kUnsignedTrailer, "hello"}, Bad{"NoSize", Framing::kUnsignedTrailer, "\r\nhello\r\n" + kEnd},
        Bad{"OddSize", Framing::kUnsignedTrailer, "0x5\r\nhello\r\n" + kEnd},
        Bad{"LongSize", Framing::kUnsignedTrailer, "00000000000000005\r\nhello\r\n" + kEnd},
        Bad{"MoreThanAnnounced", Framing::kUnsignedTrailer, "6\r\nhello!\r\n" + kEnd},
        Bad{"MoreInAll", Framing::kUnsignedTrailer, "3\r\nhel\r\n3\r\nlo!\r\n" + kEnd},
        Bad{"LessThanAnnounced", Framing::kUnsignedTrailer, "4\r\nhell\r\n" + kEnd},
        Bad{"HugeSize", Framing::kUnsignedTrailer, "ffffffffffffffff\r\nhello\r\n" + kEnd},
        Bad{"BareLineFeed", Framing::kUnsignedTrailer, "5\nhello\r\n" + kEnd},
        Bad{"NoEndOfChunk", Framing::kUnsignedTrailer, "5\r\nhello" + kEnd},
        Bad{"UnexpectedSignature", Framing::kUnsignedTrailer, "5" + signature() + "\r\nhello\r\n" + kEnd},
        Bad{"NoSignature", Framing::kSigned, "5\r\nhello\r\n0\r\n\r\n"},
        Bad{"ShortSignature", Framing::kSigned, "5;chunk-signature=aa\r\nhello\r\n0" + signature() + "\r\n\r\n"},
        Bad{"OddSignature", Framing::kSigned, "5;chunk-signature=" + std::string(64, 'g') + "\r\nhello\r\n"},
        Bad{"AnotherExtension", Framing::kSigned, "5;x=" + std::string(64, 'a') + "\r\nhello\r\n"},
        Bad{"EndlessLine", Framing::kSigned, "5;chunk-signature=" + std::string(1000, 'a')},
        Bad{"NoTrailer", Framing::kUnsignedTrailer, "5\r\nhello\r\n0\r\n\r\n"},
        Bad{"AnotherTrailer", Framing::kUnsignedTrailer, "5\r\nhello\r\n0\r\nx-amz-checksum-sha1:s3SFCQ==\r\n\r\n"},
        Bad{"LongTrailer", Framing::kUnsignedTrailer, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:s3SFCQ==s3SFCQ==\r\n\r\n"},
        Bad{"OddTrailer", Framing::kUnsignedTrailer, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:s3S\"CQ==\r\n\r\n"},
        Bad{"NoTrailerSignature", Framing::kSignedTrailer,
            "5" + signature() + "\r\nhello\r\n0" + signature() + "\r\nx-amz-checksum-crc32:s3SFCQ==\r\n\r\n"},
        Bad{"BytesBehind", Framing::kUnsignedTrailer, "5\r\nhello\r\n" + kEnd + "x"},
        Bad{"CutShort", Framing::kUnsignedTrailer, "5\r\nhello\r\n" + kEnd.substr(0, kEnd.size() - 1)}),
    [](const auto &one) { return std::string{one.param.name}; });

}  // namespace
}  // namespace nexus::sigv4
