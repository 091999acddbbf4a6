#include "control_plane/json/json.h"

#include <gtest/gtest.h>
#include <jansson.h>
#include <cstdlib>

namespace nexus::control::json {
namespace {

std::string message(const Result<void> &result) {
    return result ? "" : result.error().message;
}

struct RefusedCase {
    const char *name;
    std::string text;
    Errc errc;
};
class Refused : public testing::TestWithParam<RefusedCase> {};

TEST_P(Refused, IsRefusedWithoutQuotingIt) {
    const Result<Value> got = parse_object(GetParam().text);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().errc, GetParam().errc);
    EXPECT_EQ(got.error().message.find("canary"), std::string::npos) << got.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Json, Refused,
    testing::Values(
        RefusedCase{"Empty", "", Errc::kInvalidJson}, RefusedCase{"Garbage", "canary", Errc::kInvalidJson},
        RefusedCase{"Array", "[1]", Errc::kInvalidJson}, RefusedCase{"Text", "\"x\"", Errc::kInvalidJson},
        RefusedCase{"DuplicateMember", R"({"canary":1,"canary":2})", Errc::kInvalidJson},
        RefusedCase{"NestedDuplicate", R"({"a":{"canary":1,"canary":2}})", Errc::kInvalidJson},
        RefusedCase{"TrailingText", "{} canary", Errc::kInvalidJson},
        RefusedCase{"Nul", R"({"a":"\u0000"})", Errc::kInvalidJson},
        RefusedCase{"NotUtf8", "{\"a\":\"\xff\"}", Errc::kInvalidJson},
        RefusedCase{"HugeNumber", R"({"a":99999999999999999999})", Errc::kInvalidJson},
        RefusedCase{"TooDeep", std::string(100000, '[') + std::string(100000, ']'), Errc::kInvalidJson},
        RefusedCase{"TooLarge", "{\"a\":\"" + std::string(1024 * 1024, 'x') + "\"}", Errc::kPayloadTooLarge}),
    [](const auto &test) { return std::string{test.param.name}; });

// Whatever way a text is parsed, jansson would say the same of it.
TEST(Parse, PlainAndOtherTextsAreReadAsJanssonReadsThem) {
    const char *const pieces[] = {"{",
                                  "}",
                                  "[",
                                  "]",
                                  ",",
                                  ":",
                                  "\"a\"",
                                  "\"b\"",
                                  "\"\"",
                                  "1",
                                  "-7",
                                  "0",
                                  "01",
                                  "-",
                                  "1.5",
                                  "1e3",
                                  "true",
                                  "false",
                                  " ",
                                  "null",
                                  "\"\\n\"",
                                  "\"\xc3\xa9\"",
                                  "\x01",
                                  "tru",
                                  "99999999999999999999",
                                  "\"\x7f\""};
    uint32_t seed = 12345;
    const auto next = [&seed](size_t limit) {
        seed = seed * 1664525 + 1013904223;
        return (seed >> 8) % limit;
    };
    int valid = 0;
    for (int round = 0; round < 200000; ++round) {
        std::string text = next(2) != 0 ? "{\"a\":" : "[";
        for (size_t i = next(8); i > 0; --i) {
            text += pieces[next(std::size(pieces))];
        }
        text += text.front() == '{' ? "}" : "]";
        const Result<Value> got = parse(text);
        const std::unique_ptr<json_t, ReleaseJson> expected(
            json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, nullptr));
        ASSERT_EQ(got.has_value(), expected != nullptr) << text;
        if (got) {
            ++valid;
            ASSERT_TRUE(json_equal(got->raw(), expected.get())) << text;
            const std::unique_ptr<char, decltype(&std::free)> printed(
                json_dumps(expected.get(), JSON_COMPACT), &std::free);
            ASSERT_EQ(got->dump_text(), printed.get());
        }
    }
    EXPECT_GT(valid, 1000);
}

TEST(Parse, DepthIsBoundedForPlainTextsToo) {
    const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(parse(nested(16)));
    EXPECT_FALSE(parse(nested(17)));
}

TEST(Dump, EscapesWhatMustBeEscaped) {
    std::string all;
    for (int c = 1; c < 0x80; ++c) {
        all.push_back(static_cast<char>(c));
    }
    all += "\xc3\xa9\xf0\x9f\x98\x80";
    Value object = Value::object();
    object.set(all, all).set("more", std::string(10000, '"'));
    const Result<Value> again = parse(object.dump_text());
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->equals(object));
    const std::unique_ptr<char, decltype(&std::free)> printed(json_dumps(object.raw(), JSON_COMPACT),
                                                              &std::free);
    EXPECT_EQ(object.dump_text(), printed.get());
    EXPECT_EQ(Value().dump_text(), "null");
    EXPECT_EQ(Value::object().dump_text(), "{}");
    EXPECT_EQ(Value::array().dump_text(), "[]");
}

TEST(Parse, BracketsInsideStringsAreNotDepth) {
    EXPECT_TRUE(parse_object("{\"a\":\"" + std::string(1000, '[') + "\\\"[[\"}"));
}

TEST(ObjectReader, ReadsEveryType) {
    const Value object =
        *parse_object(R"({"s":"text","n":7,"b":true,"l":["a","b"],"o":{"x":1},"k":"hidden","z":null})");
    ObjectReader in(object);
    EXPECT_EQ(in.required_string("s"), "text");
    EXPECT_EQ(in.integer_or("n", 0, 1, 10), 7);
    EXPECT_TRUE(in.boolean_or("b", false));
    EXPECT_EQ(in.strings_or_empty("l"), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(in.required_object("o").get("x").as_integer(), 1);
    EXPECT_EQ(in.required_secret("k").view(), "hidden");
    EXPECT_EQ(in.string_or("z", "none"), "none");  // null counts as absent
    EXPECT_EQ(in.string_or("absent", "none"), "none");
    EXPECT_EQ(message(in.finish()), "");
}

TEST(ObjectReader, NamesEveryMissingMember) {
    const Value object = *parse_object(R"({"b":"","extra":1})");
    ObjectReader in(object);
    in.required_string("a");
    in.required_string("b");
    in.required_object("c");
    const Result<void> done = in.finish();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().errc, Errc::kMissingFields);
    EXPECT_EQ(done.error().message, "missing a, b, c");
}

TEST(ObjectReader, SaysWhichMemberHasTheWrongType) {
    const Value object = *parse_object(R"({"name":7})");
    ObjectReader in(object, "profile");
    in.required_string("name");
    EXPECT_EQ(message(in.finish()), "member profile.name must be a string");
}

TEST(ObjectReader, RefusesUnknownMembers) {
    const Value object = *parse_object(R"({"a":"x","wh\u00e4t":1})");
    ObjectReader in(object);
    in.required_string("a");
    const Result<void> done = in.finish();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().errc, Errc::kInvalidRequest);
    EXPECT_EQ(done.error().message, "unknown member wh??t");  // printable whatever it was
}

TEST(ObjectReader, BoundsTextsListsAndNumbers) {
    const Value object = *parse_object(R"({"s":"toolong","l":["a","b","c"],"m":[1],"n":11})");
    {
        ObjectReader in(object);
        in.string_or("s", "", 3);
        EXPECT_EQ(message(in.finish()), "member s must be at most 3 bytes");
    }
    {
        ObjectReader in(object);
        in.strings_or_empty("l", 2);
        EXPECT_EQ(message(in.finish()), "member l must have at most 2 elements");
    }
    {
        ObjectReader in(object);
        in.strings_or_empty("m");
        EXPECT_FALSE(in.finish());
    }
    {
        ObjectReader in(object);
        in.integer_or("n", 0, 1, 10);
        EXPECT_EQ(message(in.finish()), "member n must be an integer from 1 to 10");
    }
}

TEST(Value, BuildsInOrderAndPrints) {
    Value object = Value::object();
    object.set("z", "1")
        .set("a", 2)
        .set("t", true)
        .set("s", Secret(std::string_view("x")))
        .set("l", std::vector<std::string>{"p"});
    EXPECT_EQ(object.dump_text(), R"({"z":"1","a":2,"t":true,"s":"x","l":["p"]})");
    EXPECT_EQ(object.dump_canonical(), R"({"a":2,"l":["p"],"s":"x","t":true,"z":"1"})");
    object.erase("z");
    EXPECT_FALSE(object.contains("z"));
    EXPECT_EQ(Value().dump_text(), "null");
    EXPECT_EQ(Value::string("\xff").dump_text(), "null");
}

}  // namespace
}  // namespace nexus::control::json
