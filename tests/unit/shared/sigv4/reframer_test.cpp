// Signing bodies chunk by chunk: the two examples that AWS publishes (Amazon S3 API reference, "Signature
// calculations for the Authorization header: transferring payload in multiple chunks", and "... including
// trailing headers"): 65 KiB of "a" in chunks of 64 KiB.
#include "shared/sigv4/reframer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "shared/sigv4/sign.h"

namespace nexus::sigv4 {
namespace {

using http1::HeaderLine;

const AmzDate kDate = amz_date(1'369'353'600'000);  // 20130524T000000Z
constexpr Scope kScope{"us-east-1", "s3"};
constexpr size_t kSize = 65 * 1024;

SigningKey key() {
    return make_signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", kDate.day(), kScope);
}

ChunkSeed seed_of(std::vector<HeaderLine> headers, std::string_view payload_hash) {
    for (const HeaderLine &line :
         std::initializer_list<HeaderLine>{{"Host", "s3.amazonaws.com"},
                                           {"Content-Encoding", "aws-chunked"},
                                           {"x-amz-date", kDate.view()},
                                           {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                           {"x-amz-decoded-content-length", "66560"},
                                           {"x-amz-content-sha256", payload_hash}}) {
        headers.push_back(line);
    }
    const Signature signature =
        sign({"PUT", "/examplebucket/chunkObject.txt", headers, payload_hash}, kScope, kDate.view(), key());
    return {kDate, std::string{signature.scope}, signature.hex, key()};
}

ChunkSeed plain_seed() {
    return seed_of({{"Content-Length", "66824"}}, kStreamingPayload);
}

ChunkSeed trailer_seed() {
    return seed_of({{"x-amz-trailer", "x-amz-checksum-crc32c"}}, kStreamingPayloadTrailer);
}

std::string chunk(std::string_view size, size_t bytes, std::string_view signature) {
    return std::string{size} + ";chunk-signature=" + std::string{signature} + "\r\n" +
           std::string(bytes, 'a') + (bytes == 0 ? "" : "\r\n");
}

/// What is sent when the body comes in pieces of `step` bytes; "refused" if it is.
std::string reframed(Reframer &reframer, std::string_view body, size_t step) {
    std::string sent;
    while (!body.empty()) {
        std::string_view piece = body.substr(0, step);
        body.remove_prefix(piece.size());
        while (!piece.empty()) {
            if (!reframer.take(piece)) {
                return "refused";
            }
            sent += reframer.frame();
            reframer.on_frame_sent();
        }
    }
    return sent;
}

const std::string kPlain =
    chunk("10000", 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648") +
    chunk("400", 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497") +
    chunk("0", 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9") + "\r\n";
const std::string kTrailer =
    chunk("10000", 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2") +
    chunk("400", 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7") +
    chunk("0", 0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992") +
    "x-amz-checksum-crc32c:sOO8/Q==\r\n"
    "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";

TEST(Reframer, TheSeedsOfTheExamples) {
    EXPECT_EQ(crypto::as_view(plain_seed().signature), "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
    EXPECT_EQ(crypto::as_view(trailer_seed().signature), "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
}

TEST(Reframer, TheExampleFromAPlainBody) {
    const BodyPlan plan{Framing::kPlain, kSize, {}};
    EXPECT_EQ(framed_size(plan), 66824U);
    Reframer reframer(plan, plain_seed());
    for (const size_t step : {size_t{1}, size_t{1000}, kChunkSize, kSize}) {
        EXPECT_TRUE(reframed(reframer, std::string(kSize, 'a'), step) == kPlain) << step;
        EXPECT_TRUE(reframer.is_over());
        reframer.restart();
    }
}

TEST(Reframer, SignaturesOfACallerAreReplaced) {
    const std::string dummy(64, '0');
    Reframer reframer({Framing::kSigned, kSize, {}}, plain_seed());
    for (const size_t step : {size_t{1}, size_t{1000}, 2 * kSize}) {
        const std::string body =
            chunk("8200", 0x8200, dummy) + chunk("8200", 0x8200, dummy) + chunk("0", 0, dummy) + "\r\n";
        EXPECT_TRUE(reframed(reframer, body, step) == kPlain) << step;
        reframer.restart();
    }
}

TEST(Reframer, TheExampleWithATrailer) {
    const BodyPlan plan{Framing::kUnsignedTrailer, kSize, "x-amz-checksum-crc32c"};
    EXPECT_EQ(framed_size(plan), 66946U);
    Reframer reframer(plan, trailer_seed());
    const std::string body = "10000\r\n" + std::string(65536, 'a') + "\r\n400\r\n" + std::string(1024, 'a') +
                             "\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n";
    for (const size_t step : {size_t{1}, size_t{1000}, body.size()}) {
        EXPECT_TRUE(reframed(reframer, body, step) == kTrailer) << step;
        reframer.restart();
    }
    // and once more from its own output, with the signatures of another key
    Reframer again({Framing::kSignedTrailer, kSize, "x-amz-checksum-crc32c"}, trailer_seed());
    EXPECT_TRUE(reframed(again, kTrailer, 777) == kTrailer);
}

TEST(Reframer, SizesAreKnownBeforehand) {
    for (const size_t size : {size_t{1}, size_t{15}, size_t{16}, size_t{17}, kChunkSize - 1, kChunkSize,
                              kChunkSize + 1, 2 * kChunkSize, 2 * kChunkSize + 4096}) {
        const BodyPlan plan{Framing::kPlain, size, {}};
        Reframer reframer(plan, plain_seed());
        EXPECT_EQ(reframed(reframer, std::string(size, 'x'), 10'000).size(), framed_size(plan)) << size;
        EXPECT_TRUE(reframer.is_over());
    }
    EXPECT_EQ(framed_size({Framing::kPlain, 0, {}}), 86U);
    EXPECT_EQ(framed_size({Framing::kPlain, 5ULL << 40U, {}}), (5ULL << 40U) + (5ULL << 24U) * 90 + 86);
}

TEST(Reframer, ABodyOfAnotherSizeIsRefused) {
    Reframer plain({Framing::kPlain, 10, {}}, plain_seed());
    EXPECT_EQ(reframed(plain, "01234567890", 11), "refused");
    EXPECT_EQ(reframed(plain, "0", 1), "refused");
    Reframer chunked({Framing::kUnsignedTrailer, 10, "x-amz-checksum-crc32c"}, trailer_seed());
    EXPECT_EQ(reframed(chunked, "b\r\n01234567890\r\n", 5), "refused");
}

}  // namespace
}  // namespace nexus::sigv4
