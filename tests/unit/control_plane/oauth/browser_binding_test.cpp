// Which browser a state belongs to.
#include "control_plane/oauth/browser_binding.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

constexpr std::string_view kFlow = "6f1c2a34-0000-4000-8000-000000000001";

StateClaims bound_to(const FlowCookie &cookie) {
    StateClaims claims;
    claims.jti = kFlow;
    claims.browser = browser_claim(cookie.secret);
    return claims;
}

TEST(FlowCookie, IsOfOneFlowAndOfOneHostUnderHttps) {
    FlowCookie cookie = flow_cookie("", kFlow, true);
    EXPECT_EQ(cookie.name, "__Host-nexus_flow_6f1c2a34");
    EXPECT_EQ(cookie.secret.size(), 43u);
    EXPECT_EQ(cookie.header(true, 600),
              cookie.name + "=" + cookie.secret + "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
    EXPECT_EQ(flow_cookie("", kFlow, false).name, "nexus_flow_6f1c2a34");
    EXPECT_EQ(cookie.header(false, 0), cookie.name + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    EXPECT_NE(flow_cookie("", kFlow, true).secret, cookie.secret);
}

TEST(FlowCookie, StaysForASecondTab) {
    FlowCookie cookie = flow_cookie("", kFlow, false);
    std::string header = "a=b; " + cookie.name + "=" + cookie.secret + "; c=d";
    EXPECT_EQ(flow_cookie(header, kFlow, false).secret, cookie.secret);
    EXPECT_NE(flow_cookie(cookie.name + "=guessed", kFlow, false).secret, "guessed");
}

TEST(BrowserBinding, TakesTheRightCookieOnly) {
    FlowCookie cookie = flow_cookie("", kFlow, false);
    StateClaims claims = bound_to(cookie);
    std::string pair = cookie.name + "=" + cookie.secret;
    EXPECT_TRUE(is_from_its_browser(claims, pair, false));
    EXPECT_TRUE(is_from_its_browser(claims, "x=y;" + pair + ";", false));
    EXPECT_TRUE(is_from_its_browser(claims, cookie.name + "=other; " + pair, false));
    for (const std::string &header :
         {std::string{}, cookie.name, cookie.name + "=", "x" + pair, pair + "x",
          cookie.name + "=" + claims.browser, "nexus_flow_00000000=" + cookie.secret,
          flow_cookie("", kFlow, false).header(false, 1)}) {
        EXPECT_FALSE(is_from_its_browser(claims, header, false)) << header;
    }
    EXPECT_FALSE(is_from_its_browser(claims, pair, true)) << "the name under https is another";
}

TEST(BrowserBinding, ATicketBelongsToNobody) {
    StateClaims ticket;
    ticket.jti = kFlow;
    EXPECT_FALSE(is_from_its_browser(ticket, "", false));
    EXPECT_FALSE(is_from_its_browser(ticket, "nexus_flow_6f1c2a34=", false));
}

}  // namespace
}  // namespace nexus::control
