// The route table and docs/rest-api.md say the same.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <stdexcept>

#include "control_plane/daemon/process.h"
#include "shared/encoding/base64.h"
#include "tests/unit/control_plane/support/temp_dir.h"

namespace nexus::control {
namespace {

// As the document writes it: "control, `agents:read`".
std::string access_name(Access access) {
    switch (access.kind) {
        case Access::Kind::kPublic:
        case Access::Kind::kMetrics:
            return "public";
        case Access::Kind::kControl:
            return "control, `" + std::string{to_string(access.scope)} + "`";
        case Access::Kind::kEdge:
            return "edge";
        case Access::Kind::kGateway:
            return "gateway";
    }
    return "";
}

// Rows such as: | `GET /connections/{id}` | control, `connections:read` | ... What else stands in the column
// (a grant) is prose.
std::set<std::string> documented() {
    std::ifstream file(std::string{NEXUS_SOURCE_DIR} + "/docs/rest-api.md");
    std::set<std::string> out;
    std::regex row(R"(^\| `([A-Z]+ /[^`]*)` \| (control, `[a-z:]+`|[a-z]+)[ ,|].*)");
    for (std::string line; std::getline(file, line);) {
        std::smatch match;
        if (std::regex_match(line, match, row)) {
            out.insert(match[1].str() + " " + match[2].str());
        }
    }
    return out;
}

class RoutesTest : public testing::Test {
protected:
    RoutesTest() {
        auto key = [](char fill) { return encoding::base64_encode(std::string(32, fill)); };
        auto config = parse_config({{"BASE_URL", "https://nexus.example"},
                                    {"DATABASE_URL", "sqlite:" + dir_.path() + "/n.db"},
                                    {"ENCRYPTION_KEY", key('e')},
                                    {"CACHE_KEY", key('c')},
                                    {"STATE_KEY", key('s')},
                                    {"API_KEY", std::string(40, 'k')}});
        if (!config) {
            throw std::runtime_error(config.error().front().sentence);
        }
        config_ = std::make_unique<Config>(std::move(*config));
        std::unique_ptr<store::Database> database = std::move(*store::Database::open(config_->database));
        EXPECT_TRUE(database->migrate());
        std::vector<Secret> keys;
        keys.push_back(config_->state_keys.front().clone());
        process_ = std::make_unique<Process>(*config_, metrics_, std::move(database),
                                             std::move(*StateSigner::create(std::move(keys))));
        for (const Route &route : all_routes(process_->context)) {
            built_.insert(std::string{route.method} + " " + std::string{route.pattern} + " " +
                          access_name(route.access));
        }
    }

    test::TempDir dir_;
    Metrics metrics_;
    std::unique_ptr<Config> config_;
    std::unique_ptr<Process> process_;
    std::set<std::string> built_;
};

TEST_F(RoutesTest, MatchTheirDocument) {
    EXPECT_EQ(built_, documented());
    EXPECT_GT(built_.size(), 30u);
}

TEST_F(RoutesTest, OnlyProbesAndFlowsAreOpen) {
    std::set<std::string> open;
    for (const std::string &route : built_) {
        if (route.ends_with(" public")) {
            open.insert(route.substr(0, route.size() - 7));
        }
    }
    EXPECT_EQ(open, (std::set<std::string>{"GET /auth/callback", "GET /auth/callback/{provider_id}",
                                           "GET /auth/capture-schema", "GET /connect/{token}", "GET /health",
                                           "GET /metrics", "GET /ready", "GET /v1/capture-schema",
                                           "POST /auth/capture-credential", "POST /connect/{token}",
                                           "POST /v1/capture-credential"}));
}

}  // namespace
}  // namespace nexus::control
