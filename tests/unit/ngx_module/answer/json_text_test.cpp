// JSON as a reader of RFC 8259 takes it back, and never a byte beyond the memory given.
#include "ngx_module/answer/json_text.h"

#include <gtest/gtest.h>
#include <jansson.h>
#include <memory>
#include <string>

namespace nexus::edge {
namespace {

template <typename Write>
std::string written(Write &&write) {
    std::string out(512, '#');
    JsonText json(out);
    write(json);
    EXPECT_TRUE(json.fits());
    return out.substr(0, json.size());
}

TEST(JsonText, PutsCommasBetweenAndNowhereElse) {
    EXPECT_EQ(
        written([](JsonText &json) {
            json.open_object().name("a").string("x").name("b").open_array().close_array();
            json.name("c").open_array().string("1").string("2").open_object().close_object().close_array();
            json.name("d").open_object().name("e").boolean(true).name("f").boolean(false).close_object();
            json.name("g").null().close_object();
        }),
        R"({"a":"x","b":[],"c":["1","2",{}],"d":{"e":true,"f":false},"g":null})");
}

TEST(JsonText, EscapesWhatMustBe) {
    EXPECT_EQ(written([](JsonText &json) { json.string("\"\\/\b\f\n\r\t\x01\x1f\x7f"); }),
              "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    EXPECT_EQ(written([](JsonText &json) { json.open_object().name("a\"\n").string("").close_object(); }),
              R"({"a\"\n":""})");
}

TEST(JsonText, WhatIsNoUtf8IsNull) {
    EXPECT_EQ(written([](JsonText &json) { json.string("gr\xc3\xbc\xc3\x9f"); }), "\"gr\xc3\xbc\xc3\x9f\"");
    for (const char *text : {"\xff", "plain plain\x80", "\xc3", "\xed\xa0\x80", "\xc0\xaf"}) {
        EXPECT_EQ(written([&](JsonText &json) { json.string(text); }), "null") << text;
    }
}

// Every byte at every place of a long plain text: the fast way and the slow way agree with jansson.
TEST(JsonText, EveryCharacterComesBackFromEveryPlace) {
    for (const size_t size : {24u, 150u}) {
        for (unsigned c = 1; c < 0x80; ++c) {
            for (size_t place = 0; place < size; ++place) {
                std::string text(size, 'p');
                text[place] = static_cast<char>(c);
                const std::string json = written([&](JsonText &out) { out.string(text); });
                const std::unique_ptr<json_t, decltype(&json_decref)> read{
                    json_loadb(json.data(), json.size(), JSON_DECODE_ANY, nullptr), json_decref};
                ASSERT_NE(read, nullptr) << json;
                ASSERT_EQ(json_string_value(read.get()), text);
            }
        }
    }
}

TEST(JsonText, SaysHowMuchItNeedsAndWritesNoMore) {
    const std::string expected = R"({"name":"\n\n\n\n"})";
    for (size_t room = 0; room <= expected.size(); ++room) {
        std::string out(expected.size() + 8, '#');
        JsonText json(std::span<char>(out).first(room));
        json.open_object().name("name").string("\n\n\n\n").close_object();
        EXPECT_EQ(json.size(), expected.size());
        EXPECT_EQ(json.fits(), room == expected.size());
        EXPECT_EQ(out.substr(room), std::string(out.size() - room, '#'));
    }
}

TEST(JsonText, RepeatsMembersAndSaysWhatThatNeeds) {
    const auto write = [](JsonText &json) {
        json.open_object();
        const size_t begin = json.position();
        json.name("a\"").string("1").name<"b">().boolean(true);
        const size_t end = json.position();
        json.name<"c">().open_object().repeat(begin, end).name<"d">().null().close_object();
        json.name<"e">().open_object().repeat(end, end).name<"f">().null().close_object().close_object();
    };
    const std::string expected = R"({"a\"":"1","b":true,"c":{"a\"":"1","b":true,"d":null},"e":{"f":null}})";
    EXPECT_EQ(written(write), expected);
    for (size_t room = 0; room < expected.size(); ++room) {
        std::string out(expected.size() + 8, '#');
        JsonText json(std::span<char>(out).first(room));
        write(json);
        EXPECT_EQ(json.size(), expected.size());
        EXPECT_FALSE(json.fits());
        EXPECT_EQ(out.substr(room), std::string(out.size() - room, '#'));
    }
}

}  // namespace
}  // namespace nexus::edge
