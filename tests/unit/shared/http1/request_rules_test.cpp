#include "shared/http1/request_rules.h"

#include <gtest/gtest.h>

namespace nexus::http1 {
namespace {

struct Case {
    const char *rule;
    const char *method;
    const char *target;
    bool fits;
};

TEST(RequestRules, FitMethodAndPath) {
    for (const Case &c : {
             Case{"GET /repos/*", "GET", "/repos/a", true},
             {"GET /repos/*", "GET", "/repos/a/b?x=/../y", true},
             {"GET /repos/*", "GET", "/repos/", true},
             {"GET /repos/*", "GET", "/repos", false},
             {"GET /repos/*", "POST", "/repos/a", false},
             {"GET /repos/*", "get", "/repos/a", false},
             {"* /repos", "DELETE", "/repos", true},
             {"* /*", "DELETE", "/", true},
             {"GET /repos/*/issues", "GET", "/repos/a/issues", true},
             {"GET /repos/*/issues", "GET", "/repos/a/b/issues", false},
             {"GET /repos/*/issues", "GET", "/repos/a/issues/1", false},
             {"GET /a*c/*.json", "GET", "/abc/x.json", true},
             {"GET /a*c/*.json", "GET", "/abc/x.json.json", true},
             {"GET /a*b*c/d", "GET", "/axbxc/d", true},
             {"GET /a*b*c/d", "GET", "/ac/d", false},
             {"GET /a b", "GET", "/a%20b", false},  // no such rule
             {"GET /caf\xc3\xa9", "GET", "/caf%C3%A9", true},
             {"GET /Repos", "GET", "/repos", false},
             {"GET /r", "GET", "/%72", true},
         }) {
        const Result<std::string> path = plain_path(c.target);
        ASSERT_TRUE(path) << c.target;
        EXPECT_EQ(is_request_rule(c.rule) && request_rule_matches(c.rule, c.method, *path), c.fits)
            << c.rule << " " << c.method << " " << c.target;
    }
}

TEST(RequestRules, PathsThatReadersDisagreeAboutFitNone) {
    for (const char *target :
         {"",       "*",      "x",           "http://a/b", "/a//b",        "//a",    "/a/../b",
          "/a/./b", "/..",    "/a/%2e%2e/b", "/a/.%2E/b",  "/%2e",         "/a%2fb", "/a%2Fb",
          "/a%5cb", "/a\\b",  "/a%00b",      "/a%0ab",     "/a%",          "/a%4",   "/a%zz",
          "/a;b",   "/a%3bb", "/a%252fb",    "/a%25b",     "/a/%2e%2e%2fb"}) {
        EXPECT_FALSE(plain_path(target)) << target;
    }
    for (const char *no_utf8 :
         {"/a/%c0%ae%c0%ae/b", "/a/%e0%80%ae/b", "/a/%ed%a0%80", "/a/%ff", "/caf\xe9"}) {
        EXPECT_FALSE(plain_path(no_utf8)) << no_utf8;
    }
}

TEST(RequestRules, AreChecked) {
    for (const char *rule : {"GET /", "* /*", "GET /a/*/b*", "PROPFIND /x", "M-SEARCH /x"}) {
        EXPECT_TRUE(is_request_rule(rule)) << rule;
    }
    for (const char *rule :
         {"", "GET", "GET ", " /a", "get /a", "GET a", "GET  /a", "GET /a ", "GET /a?x", "GET /a%20",
          "GET /../a", "GET //a", "G*T /a", "GET /a/**", "GET /a\r\nX", "G T /a", "GET /a;b", "GET /a\\b"}) {
        EXPECT_FALSE(is_request_rule(rule)) << rule;
    }
    EXPECT_FALSE(is_request_rule("GET /" + std::string(kMaxRequestRuleBytes, 'a')));
}

}  // namespace
}  // namespace nexus::http1
