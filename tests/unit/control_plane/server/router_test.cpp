#include "control_plane/server/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_plane/log/log.h"
#include "shared/encoding/query.h"

namespace nexus::control {
namespace {

class RouterTest : public testing::Test {
protected:
    RouterTest() { log::set_level("off"); }
    ~RouterTest() override { log::set_level("info"); }

    static Handler echo(const std::string &name) {
        return [name](const Request &request) -> Result<Response> {
            return Response::text(200, name + ":" + std::string(request.path_parameter("id")));
        };
    }
    Response ask(std::string_view method, std::string_view path) {
        Request request;
        request.method = method;
        request.path = path;
        request.request_id = "r1";
        return router_.handle(request);
    }
    std::string body(std::string_view method, std::string_view path) {
        return std::string(ask(method, path).body.view());
    }
    Router router_;
};

TEST_F(RouterTest, LiteralsWinOverParameters) {
    router_.add("GET", "/providers/{id}", echo("one"));
    router_.add("GET", "/providers/metadata", echo("metadata"));
    router_.add("GET", "/providers/{id}/x", echo("deep"));
    EXPECT_EQ(body("GET", "/providers/metadata"), "metadata:");
    EXPECT_EQ(body("GET", "/providers/7%2F8"), "one:7/8");
    EXPECT_EQ(body("GET", "/providers/7/x"), "deep:7");
}

TEST_F(RouterTest, SaysWhatIsWrong) {
    router_.add("GET", "/a/{id}", echo("get"));
    router_.add("DELETE", "/a/{id}", echo("delete"));
    EXPECT_EQ(ask("GET", "/b").status, 404);
    EXPECT_EQ(ask("GET", "/a").status, 404);
    EXPECT_EQ(ask("GET", "/a/").status, 404);
    EXPECT_EQ(ask("GET", "/a/x/").status, 404);
    EXPECT_EQ(ask("GET", "/a/%zz").status, 400);
    EXPECT_EQ(ask("GET", "/a/%ff").status, 400);  // no UTF-8: databases take no such text
    EXPECT_EQ(ask("GET", "/" + std::string(1000, '/')).status, 404);
    const Response refused = ask("POST", "/a/x");
    EXPECT_EQ(refused.status, 405);
    EXPECT_THAT(refused.headers, testing::Contains(testing::Pair("Allow", "GET, HEAD, DELETE")));
    EXPECT_THAT(std::string(refused.body.view()), testing::HasSubstr(R"("code":"method_not_allowed")"));
    EXPECT_THAT(std::string(refused.body.view()), testing::HasSubstr(R"("request_id":"r1")"));
}

TEST_F(RouterTest, AnExceptionIsABareInternalError) {
    router_.add("GET", "/throw",
                [](const Request &) -> Result<Response> { throw std::runtime_error("hunter2"); });
    router_.add("GET", "/throw-int", [](const Request &) -> Result<Response> { throw 7; });
    router_.add("GET", "/fail",
                [](const Request &) -> Result<Response> { return fail(Errc::kSealBroken, "hunter2"); });
    for (const char *path : {"/throw", "/throw-int", "/fail"}) {
        const Response response = ask("GET", path);
        EXPECT_EQ(response.status, 500) << path;
        EXPECT_THAT(std::string(response.body.view()), testing::Not(testing::HasSubstr("hunter2"))) << path;
    }
}

TEST_F(RouterTest, ErrorsCarryTheirHeaders) {
    router_.add("GET", "/401",
                [](const Request &) -> Result<Response> { return fail(Errc::kMissingApiKey, "no key"); });
    router_.add("GET", "/503", [](const Request &) -> Result<Response> {
        return fail(Error{Errc::kTokenUnavailable, "later", "id", 7});
    });
    EXPECT_THAT(ask("GET", "/401").headers, testing::Contains(testing::Key("WWW-Authenticate")));
    const Response later = ask("GET", "/503");
    EXPECT_THAT(later.headers, testing::Contains(testing::Pair("Retry-After", "7")));
    EXPECT_EQ(std::string(later.body.view()), R"({"error":"token_unavailable","code":"token_unavailable",)"
                                              R"("message":"later","detail":"id","request_id":"r1"})");
}

TEST_F(RouterTest, MistakesOfTheProgramAreRefused) {
    router_.add("GET", "/a/{id}", echo("a"));
    EXPECT_THROW(router_.add("GET", "/a/{other}", echo("a")), std::invalid_argument);
    EXPECT_THROW(router_.add("GET", "a", echo("a")), std::invalid_argument);
    EXPECT_THROW(router_.add("GET", "/a{id}", echo("a")), std::invalid_argument);
}

TEST(Request, QueryParametersAreReadStrictly) {
    Request request;
    request.query = *encoding::parse_query("a=1&b=2&a=3&&c");
    EXPECT_FALSE(request.query_parameter("a"));
    EXPECT_EQ(*request.query_parameter("b"), "2");
    EXPECT_EQ(*request.query_parameter("c"), std::nullopt) << "empty is absent";
    EXPECT_EQ(*request.query_parameter("d"), std::nullopt);
    EXPECT_FALSE(request.only_query_parameters({"a", "b"}));
    EXPECT_TRUE(request.only_query_parameters({"a", "b", "c"}));
}

}  // namespace
}  // namespace nexus::control
