// What must not be read in a log line is overwritten, all else stays.
#include "ngx_module/logs/log_redaction.h"

#include <gtest/gtest.h>

#include <string>

namespace nexus::edge {
namespace {

std::string redacted(std::string line) {
    redact_log_line(line);
    return line;
}

TEST(LogRedactionTest, OverwritesTheSecretOfAgentKeysAnywhere) {
    EXPECT_EQ(redacted("sent: \"X_API_Key: nxa_abc123_Zz-9_x\", client"),
              "sent: \"X_API_Key: nxa_abc123*******\", client");
    EXPECT_EQ(redacted("nxa_a_b nxa_c_dd"), "nxa_a** nxa_c***");
    EXPECT_EQ(redacted("nxk_abc_Zz"), "nxk_abc***");
    EXPECT_EQ(redacted("nxa_"), "nxa_");
    EXPECT_EQ(redacted("nxa_abc"), "nxa_abc");
}

TEST(LogRedactionTest, OverwritesQueryValuesOfUriFields) {
    EXPECT_EQ(
        redacted(
            R"(x, request: "GET /auth/callback?state=s1&code=c=2&flag HTTP/1.1", upstream: "http://a/b?c=d", host: "h")"),
        R"(x, request: "GET /auth/callback?state=**&code=***&flag HTTP/1.1", upstream: "http://a/b?c=*", host: "h")");
    EXPECT_EQ(redacted(R"(referrer: "https://a/?x=y")"), R"(referrer: "https://a/?x=*")");
}

TEST(LogRedactionTest, AQuoteInsideTheUriDoesNotEndIt) {
    EXPECT_EQ(redacted(R"(request: "GET /?a="b"c HTTP/1.1", host: "h=i")"),
              R"(request: "GET /?a=**** HTTP/1.1", host: "h=i")");
    EXPECT_EQ(redacted(R"(request: "GET /?a="b HTTP/1.1", host: "h")"),
              R"(request: "GET /?a=** HTTP/1.1", host: "h")");
}

TEST(LogRedactionTest, OverwritesTheTicketOfALinkForAPerson) {
    EXPECT_EQ(
        redacted(
            R"(request: "GET /connect/t1.x_y?a=b HTTP/1.1", upstream: "http://h/connect/t2", host: "h")"),
        R"(request: "GET /connect/******?a=* HTTP/1.1", upstream: "http://h/connect/**", host: "h")");
    EXPECT_EQ(redacted("x /connect/y"), "x /connect/y");
    EXPECT_EQ(redacted(R"(request: "GET /connect/)"), R"(request: "GET /connect/)");
}

TEST(LogRedactionTest, OverwritesWhatNginxCouldNotReadOfAProvidersHead) {
    const std::string tail =
        R"(" while reading response header from upstream, client: 1.2.3.4, server: s, request: "GET / HTTP/1.1", host: "h")";
    for (const std::string begin :
         {"upstream sent invalid header: \"", "upstream sent invalid header \"",
          "upstream sent invalid trailer \"", "upstream sent invalid :status \"",
          "upstream sent unexpected :status \"", "upstream sent invalid status \""}) {
        EXPECT_EQ(redacted("[error] 1#1: *2 " + begin + R"(x-a: "t" while, b\x00...)" + tail),
                  "[error] 1#1: *2 " + begin + std::string(24, '*') + tail);
        EXPECT_EQ(redacted(begin + "cut o\n"), begin + "*****\n");
        EXPECT_EQ(redacted(begin), begin);
    }
    EXPECT_EQ(redacted("upstream sent invalid header while reading" + tail),
              "upstream sent invalid header while reading" + tail);
}

TEST(LogRedactionTest, OverwritesWhatNginxCouldNotReadOfACallersHead) {
    const std::string tail = R"(, client: 1.2.3.4, server: s)";
    EXPECT_EQ(redacted(R"(client sent invalid header line: "X_Key: ey.J:" while reading)" + tail),
              R"(client sent invalid header line: "X_Key:******" while reading)" + tail);
    EXPECT_EQ(redacted(R"(client sent invalid header line: " ey.J\x0d...")" + tail),
              R"(client sent invalid header line: "************")" + tail);
    EXPECT_EQ(redacted(R"(client sent too long header line: "Cookie: a" while b...")" + tail),
              R"(client sent too long header line: "Cookie:**************")" + tail);
    EXPECT_EQ(
        redacted(
            R"(client sent duplicate header line: "Authorization: a", previous value: "Authorization: b")" +
            tail),
        R"(client sent duplicate header line: "Authorization:**************************************")" +
            tail);
    EXPECT_EQ(redacted(R"(client sent header "authorization" with invalid value: "a: b")" + tail),
              R"(client sent header "authorization" with invalid value: "****")" + tail);
}

TEST(LogRedactionTest, OverwritesWhatModSecurityQuotes) {
    EXPECT_EQ(
        redacted(
            R"(ModSecurity: Warning. x against variable `ARGS:code' (Value: `it's' ) [data "Found: "s" in ARGS:a: s"] [severity "2"] [uri "/connect/t"] [ref ""], client)"),
        R"(ModSecurity: Warning. x against variable `ARGS:code' (Value: `****' ) [data "***********************"] [severity "2"] [uri "/connect/*"] [ref ""], client)");
    EXPECT_EQ(redacted("ModSecurity: Warning. (Value: `cut off\n"),
              "ModSecurity: Warning. (Value: `*******\n");
    EXPECT_EQ(redacted("(Value: `x' )"), "(Value: `x' )");
}

TEST(LogRedactionTest, LeavesTheRestAlone) {
    for (const char *line :
         {"", "?", "request: \"", "a=b&c=d", R"(request: "GET /path HTTP/1.1", host: "a?b=c")"}) {
        EXPECT_EQ(redacted(line), line);
    }
}

}  // namespace
}  // namespace nexus::edge
