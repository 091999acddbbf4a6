#include "control_plane/server/request_parser.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

using Status = RequestParser::Status;

constexpr RequestLimits kLimits{512, 64, 8};

TEST(RequestParser, ReadsARequestByteByByte) {
    const std::string text =
        "POST /a%20b/c?x=1&y=a+b HTTP/1.1\r\nHost: h\r\nX-API-Key:  secret \r\nContent-Length: "
        "5\r\n\r\nhello";
    RequestParser parser(kLimits);
    for (size_t i = 0; i + 1 < text.size(); ++i) {
        ASSERT_EQ(parser.feed(text.substr(i, 1)), Status::kMore) << i;
    }
    ASSERT_EQ(parser.feed(text.substr(text.size() - 1)), Status::kDone);
    EXPECT_TRUE(parser.keeps_alive());
    EXPECT_FALSE(parser.has_surplus());
    const Request request = parser.take();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/a%20b/c");
    EXPECT_EQ(*request.query_parameter("y"), "a b");
    EXPECT_EQ(request.header("x-api-key"), "secret");
    EXPECT_EQ(request.body.view(), "hello");
}

TEST(RequestParser, ReadsOneAfterTheOther) {
    RequestParser parser(kLimits);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(parser.feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), Status::kDone);
        EXPECT_TRUE(parser.take().body.empty());
    }
}

TEST(RequestParser, ForgivesEmptyLinesInFrontHoweverTheyAreCutUp) {
    RequestParser parser(kLimits);
    for (const char *piece : {"\r", "\n\r", "\n", "\r\nGET /x HTTP/1.1\r\n"}) {
        ASSERT_EQ(parser.feed(piece), Status::kMore);
    }
    ASSERT_EQ(parser.feed("\r\n"), Status::kDone);
    EXPECT_EQ(parser.take().path, "/x");
}

TEST(RequestParser, HeadIsGetWithoutABody) {
    RequestParser parser(kLimits);
    ASSERT_EQ(parser.feed("HEAD /x HTTP/1.1\r\n\r\n"), Status::kDone);
    EXPECT_TRUE(parser.is_head_method());
    EXPECT_EQ(parser.take().method, "GET");
}

struct KeepAliveCase {
    const char *name;
    std::string head;
    bool keeps_alive;
};
class KeepAlive : public testing::TestWithParam<KeepAliveCase> {};

TEST_P(KeepAlive, FollowsRfc9112) {
    RequestParser parser(kLimits);
    ASSERT_EQ(parser.feed(GetParam().head), Status::kDone);
    EXPECT_EQ(parser.keeps_alive(), GetParam().keeps_alive);
}

INSTANTIATE_TEST_SUITE_P(
    RequestParser, KeepAlive,
    testing::Values(KeepAliveCase{"Http11", "GET / HTTP/1.1\r\n\r\n", true},
                    KeepAliveCase{"Http11Close", "GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n", false},
                    KeepAliveCase{"Http10", "GET / HTTP/1.0\r\n\r\n", false},
                    KeepAliveCase{"Http10KeepAlive", "GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n",
                                  true}),
    [](const auto &test) { return std::string{test.param.name}; });

TEST(RequestParser, SeesSurplusAndExpectation) {
    RequestParser pipelined(kLimits);
    ASSERT_EQ(pipelined.feed("GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"), Status::kDone);
    EXPECT_TRUE(pipelined.has_surplus());
    RequestParser waiting(kLimits);
    ASSERT_EQ(waiting.feed("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
              Status::kMore);
    EXPECT_TRUE(waiting.take_wants_continue());
    EXPECT_FALSE(waiting.take_wants_continue());
    EXPECT_EQ(waiting.feed("ok"), Status::kDone);
}

struct RefusedCase {
    const char *name;
    std::string text;
    Errc errc = Errc::kInvalidRequest;
};
class RefusedRequest : public testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedRequest, IsRefused) {
    RequestParser parser(kLimits);
    ASSERT_EQ(parser.feed(GetParam().text), Status::kRefused);
    EXPECT_EQ(parser.error().errc, GetParam().errc);
}

INSTANTIATE_TEST_SUITE_P(
    RequestParser, RefusedRequest,
    testing::Values(
        RefusedCase{"Garbage", "nonsense\r\n\r\n"},
        RefusedCase{"TlsHello", std::string("\x16\x03\x01\r\n\r\n")},
        RefusedCase{"NoVersion", "GET /\r\n\r\n"}, RefusedCase{"Http2", "PRI * HTTP/2.0\r\n\r\n"},
        RefusedCase{"AbsoluteForm", "GET http://h/ HTTP/1.1\r\n\r\n"},
        RefusedCase{"BlankInTarget", "GET /a b HTTP/1.1\r\n\r\n"},
        RefusedCase{"BadEscapeInQuery", "GET /?a=%zz HTTP/1.1\r\n\r\n"},
        RefusedCase{"NulInQuery", "GET /?a=%00 HTTP/1.1\r\n\r\n"},
        RefusedCase{"NoUtf8InQuery", "GET /?a=%c0%af HTTP/1.1\r\n\r\n"},
        RefusedCase{"NoUtf8InAName", "GET /?%ff=a HTTP/1.1\r\n\r\n"},
        RefusedCase{"OnlyBareLf", "GET / HTTP/1.1\nHost: h\n\n"},
        RefusedCase{"BareLf", "GET / HTTP/1.1\nHost: h\r\n\r\n"},
        RefusedCase{"LfInHeader", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n"},
        RefusedCase{"FoldedLine", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"},
        RefusedCase{"BlankBeforeColon", "GET / HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc"},
        RefusedCase{"NoColon", "GET / HTTP/1.1\r\nHost\r\n\r\n"},
        RefusedCase{"NulInHeader", std::string("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 25)},
        RefusedCase{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        RefusedCase{"TwoLengths", "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
        RefusedCase{"LengthList", "POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc"},
        RefusedCase{"PlusLength", "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc"},
        RefusedCase{"NegativeLength", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"},
        RefusedCase{"HexLength", "POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc"},
        RefusedCase{"EmptyLength", "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n"},
        RefusedCase{"Chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        RefusedCase{"ChunkedAndLength",
                    "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        RefusedCase{"LargeHead", "GET / HTTP/1.1\r\nA: " + std::string(600, 'x')},
        RefusedCase{"ManyHeaders",
                    "GET / HTTP/1.1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\nA: 1\r\n"
                    "A: 1\r\n\r\n"},
        RefusedCase{"LargeBody", "POST / HTTP/1.1\r\nContent-Length: 65\r\n\r\n", Errc::kPayloadTooLarge},
        RefusedCase{"EndlessBody", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                    Errc::kPayloadTooLarge}),
    [](const auto &test) { return std::string{test.param.name}; });

}  // namespace
}  // namespace nexus::control
