// Whose word about the client's address is believed (reference D4).
#include "control_plane/server/client_address.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string client(const std::string &peer, Headers headers, const std::string &proxies = "127.0.0.0/8,::1") {
    Request request;
    request.headers = std::move(headers);
    return client_address(request, peer, *net::parse_cidr_list(proxies));
}

TEST(ClientAddress, AStrangersHeadersAreNotBelieved) {
    EXPECT_EQ(client("192.0.2.1", {}), "192.0.2.1");
    EXPECT_EQ(client("192.0.2.1", {{"x-real-ip", "127.0.0.1"}}), "192.0.2.1");
    EXPECT_EQ(client("192.0.2.1", {{"x-forwarded-for", "127.0.0.1"}}), "192.0.2.1");
    EXPECT_EQ(client("127.0.0.1", {{"x-real-ip", "10.0.0.1"}}, ""), "127.0.0.1") << "nobody is trusted";
}

TEST(ClientAddress, ATrustedPeerTellsOneRealIp) {
    EXPECT_EQ(client("127.0.0.1", {}), "127.0.0.1");
    EXPECT_EQ(client("127.0.0.1", {{"x-real-ip", "192.0.2.7"}}), "192.0.2.7");
    EXPECT_EQ(client("::1", {{"x-real-ip", "2001:db8::7"}}), "2001:db8::7");
    EXPECT_EQ(client("127.0.0.1", {{"x-real-ip", "192.0.2.7"}, {"x-forwarded-for", "127.0.0.1"}}),
              "192.0.2.7")
        << "what the client itself sent does not count beside it";
}

TEST(ClientAddress, WhatIsNoAddressIsNobody) {
    for (const char *bad : {"", "x", "127.0.0.1:80", "[::1]", "localhost", "2130706433", "127.1", "unknown",
                            "192.0.2.7 ", "0x7f.0.0.1"}) {
        EXPECT_EQ(client("127.0.0.1", {{"x-real-ip", bad}}), "") << bad;
    }
    EXPECT_EQ(client("127.0.0.1", {{"x-real-ip", "192.0.2.7"}, {"x-real-ip", "192.0.2.7"}}), "");
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", "127.0.0.1, unknown"}}), "");
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", "127.0.0.1:80"}}), "");
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", "192.0.2.1,,127.0.0.1"}}), "");
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", "garbage, 192.0.2.1"}}), "192.0.2.1")
        << "beyond the first stranger nothing is read";
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", std::string(5000, ',')}}), "");
}

TEST(ClientAddress, TheWalkSkipsTrustedProxiesOnly) {
    const std::string proxies = "127.0.0.1,10.0.0.0/8";
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", "127.0.0.1, 192.0.2.9, 10.0.0.2"}}, proxies),
              "192.0.2.9")
        << "the spoofed first element is not reached";
    EXPECT_EQ(
        client("127.0.0.1", {{"x-real-ip", "10.0.0.2"}, {"x-forwarded-for", "10.9.9.9, 192.0.2.9, 10.0.0.2"}},
               proxies),
        "192.0.2.9");
    EXPECT_EQ(client("127.0.0.1",
                     {{"x-forwarded-for", "127.0.0.1"}, {"x-forwarded-for", "192.0.2.9,10.0.0.2"}}, proxies),
              "192.0.2.9")
        << "lines are one list";
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", "10.0.0.9, 10.0.0.2"}}, proxies), "10.0.0.9")
        << "all are proxies: the first one asks";
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", ""}}, proxies), "127.0.0.1");
    EXPECT_EQ(client("127.0.0.1", {{"x-forwarded-for", "::ffff:10.0.0.9, 10.0.0.2"}}, proxies),
              "::ffff:10.0.0.9")
        << "v4 in v6 is the same host";
}

}  // namespace
}  // namespace nexus::control
