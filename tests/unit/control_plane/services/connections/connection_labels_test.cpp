// Labels: what they may be, and how they are merged.
#include "control_plane/services/connections/connection_labels.h"

#include <gtest/gtest.h>

namespace nexus::control {
namespace {

json::Value parse(const std::string &text) {
    return std::move(*json::parse_object(text));
}

TEST(Labels, AreMergedAndKeptInOneOrder) {
    EXPECT_EQ(*new_labels(json::Value{}), "{}");
    EXPECT_EQ(*new_labels(parse(R"({"b":"2","a":"1"})")), R"({"a":"1","b":"2"})");
    EXPECT_EQ(*merged_labels(R"({"a":"1","b":"2"})", parse(R"({"a":null,"c":"","x":null})")),
              R"({"b":"2","c":""})");
    EXPECT_EQ(*merged_labels("broken", parse(R"({"a":"1"})")), R"({"a":"1"})");
}

TEST(Labels, BadOnesAreRefused) {
    for (const char *bad : {R"({"a b":"x"})", R"({"":"x"})", R"({"a":1})", R"({"a":["x"]})", R"({"a\"":"x"})",
                            R"({"a":"x\ny"})", R"({"ü":"x"})"}) {
        EXPECT_EQ(new_labels(parse(bad)).error().errc, Errc::kInvalidRequest) << bad;
    }
    json::Value many = json::Value::object();
    for (size_t i = 0; i <= kMaxLabels; ++i) {
        many.set("n" + std::to_string(i), "x");
    }
    EXPECT_FALSE(new_labels(many));
    EXPECT_FALSE(new_labels(parse(R"({"a":")" + std::string(256, 'x') + R"("})")));
}

TEST(Labels, AFilterNamesOne) {
    EXPECT_EQ(*parse_label("env:prod:x"), (std::pair<std::string, std::string>{"env", "prod:x"}));
    EXPECT_EQ(parse_label("env:")->second, "");
    for (const char *bad : {"", "env", ":x", "a b:x", "a:\n"}) {
        EXPECT_FALSE(parse_label(bad)) << bad;
    }
}

}  // namespace
}  // namespace nexus::control
