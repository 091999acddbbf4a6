#include "shared/http2/header_frames.h"

#include <gtest/gtest.h>

namespace nexus::http2 {
namespace {

using std::string_literals::operator""s;

// as nginx 1.22 begins: preface, SETTINGS, WINDOW_UPDATE
const std::string kStart =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00"
    "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\x00\x00"s;

std::string frame(size_t type, size_t flags, const std::string &payload) {
    const size_t size = payload.size();
    return std::string{static_cast<char>(size >> 16),
                       static_cast<char>(size >> 8),
                       static_cast<char>(size),
                       static_cast<char>(type),
                       static_cast<char>(flags),
                       0,
                       0,
                       0,
                       1} +
           payload;
}

std::string text(const std::string &value) {
    EXPECT_LT(value.size(), 127U);
    return std::string(1, static_cast<char>(value.size())) + value;
}

std::string literal(const std::string &name, const std::string &value) {
    return "\0"s + text(name) + text(value);
}

// POST, http, /s/m, www.example.com (compressed, RFC 7541 appendix C.4.1)
const std::string kPseudo = "\x83\x86\x44\x04/s/m\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"s;

Result<std::string> edited(const std::string &bytes, const HeaderFrames::Edit &edit) {
    return HeaderFrames::parse(bytes).and_then([&](const HeaderFrames &frames) {
        std::string out(frames.size_bound(edit), '\0');
        return frames.write(edit, out).map([&](size_t size) { return out.substr(0, size); });
    });
}

TEST(HeaderFrames, FindsWhatIsCompressedToo) {
    const std::string bytes =
        kStart + frame(1, 4, kPseudo + literal("cookie", "a=1") + literal("cookie", "b=2"));
    const HeaderFrames frames = HeaderFrames::parse(bytes).value();
    EXPECT_EQ(frames.find_all(":authority").value(), std::vector<std::string>{"www.example.com"});
    EXPECT_EQ(frames.find_all(":path").value(), std::vector<std::string>{"/s/m"});
    EXPECT_EQ(frames.find_all(":method").value(), std::vector<std::string>{"POST"});
    EXPECT_EQ(frames.find_all("cookie").value(), (std::vector<std::string>{"a=1", "b=2"}));
    EXPECT_TRUE(frames.find_all("host").value().empty());
}

TEST(HeaderFrames, NothingToDoChangesNothing) {
    const std::string bytes = kStart + frame(1, 5, kPseudo + literal("te", "trailers"));
    EXPECT_EQ(edited(bytes, {}).value(), bytes);
}

TEST(HeaderFrames, SetsNeverIndexedInPlaceOfAllOfThatName) {
    const std::string bytes =
        kStart + frame(1, 4,
                       kPseudo + literal("authorization", "mine") + literal("x-nexus-key", "nxa") +
                           literal("authorization", "again") + literal("te", "trailers"));
    const http1::HeaderLine set[] = {{"Authorization", "at", "Bearer "}};
    const std::string_view remove[] = {"X-Nexus-Key"};
    EXPECT_EQ(edited(bytes, {set, remove}).value(),
              kStart + frame(1, 4,
                             kPseudo + literal("te", "trailers") + "\x10"s + text("authorization") +
                                 text("Bearer at")));
}

TEST(HeaderFrames, LargeSectionsGoOnInContinuations) {
    const std::string value(16000, 'v');
    const auto big = [&](const std::string &name) {  // 16000 = 127 + 15873
        return "\0"s + text(name) + "\x7f\x81\x7c"s + value;
    };
    const std::string block = kPseudo + big("a") + big("b") + big("c");
    const std::string bytes = kStart + frame(1, 1, block.substr(0, 16384)) +
                              frame(9, 0, block.substr(16384, 16384)) + frame(9, 4, block.substr(32768));
    EXPECT_EQ(edited(bytes, {}).value(), bytes);

    const std::string_view remove[] = {"b", "c"};
    EXPECT_EQ(edited(bytes, {{}, remove}).value(), kStart + frame(1, 5, kPseudo + big("a")));

    const http1::HeaderLine set[] = {{"b", value}};
    const std::string after = kPseudo + big("a") + big("c") + "\x10"s + text("b") + "\x7f\x81\x7c"s + value;
    EXPECT_EQ(edited(bytes, {set, {}}).value(), kStart + frame(1, 1, after.substr(0, 16384)) +
                                                    frame(9, 0, after.substr(16384, 16384)) +
                                                    frame(9, 4, after.substr(32768)));
}

TEST(HeaderFrames, RefusesWhatIsNotWrittenByNginx) {
    const std::string good = kStart + frame(1, 4, kPseudo);
    ASSERT_TRUE(HeaderFrames::parse(good));
    for (size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(HeaderFrames::parse(std::string_view{good}.substr(0, size))) << size;
    }
    for (const std::string &bytes : {
             kStart + frame(1, 0xc, kPseudo),         // padded
             kStart + frame(1, 0x24, kPseudo),        // with a priority
             kStart + frame(1, 4, "\xbe"s),           // of the dynamic table
             kStart + frame(1, 4, "\x80"s),           // index 0
             kStart + frame(1, 4, "\x3f\xe1\x1f"s),   // a table size
             kStart + frame(1, 4, "\x0f\x01\x01x"s),  // a name of the static table that is no pseudo-header
             kStart + frame(1, 4,
                            "\0\x03"
                            "ab"s),                                    // a string that does not end
             kStart + frame(1, 4, "\0\x7f\xff\xff\xff\xff\xff\xff"s),  // an endless number
             kStart + frame(1, 0, kPseudo) + frame(0, 4, ""),          // another frame in between
             good + frame(0, 0, "x"),
         }) {
        EXPECT_FALSE(HeaderFrames::parse(bytes));
    }
}

TEST(HeaderFrames, RefusesToSetWhatIsNoField) {
    const std::string bytes = kStart + frame(1, 4, kPseudo);
    for (const http1::HeaderLine &line : std::initializer_list<http1::HeaderLine>{
             {"", "v"}, {"a b", "v"}, {":path", "/"}, {"a", "v\r\nb: c"}, {"a", "v "}, {"a", "v", " p"}}) {
        const http1::HeaderLine set[] = {line};
        EXPECT_FALSE(edited(bytes, {set, {}})) << line.name << ": " << line.value;
    }
}

}  // namespace
}  // namespace nexus::http2
