#include "shared/scrub/mask.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "shared/encoding/base64.h"
#include "shared/encoding/percent.h"
#include "shared/scrub/body_mask.h"

namespace nexus::scrub {
namespace {

std::string stars(size_t count) {
    return std::string(count, '*');
}

std::string covered(const Mask &mask, std::string text) {
    mask.cover(text);
    return text;
}

TEST(Mask, CoversTheSecretWithAsManyStars) {
    Mask mask;
    mask.add("s3cr3t-token");
    EXPECT_EQ(covered(mask, "a s3cr3t-token, s3cr3t-tokens3cr3t-token."),
              "a " + stars(12) + ", " + stars(24) + ".");
    EXPECT_EQ(covered(mask, "s3cr3t-toke s3cr3t_token"), "s3cr3t-toke s3cr3t_token");
    EXPECT_TRUE(mask.occurs_in("xs3cr3t-token"));
    EXPECT_FALSE(mask.occurs_in(""));
}

TEST(Mask, LeavesOutWhatIsTooShort) {
    Mask mask;
    mask.add("1234567");
    EXPECT_TRUE(mask.empty());
    mask.add("12345678");
    EXPECT_FALSE(mask.empty());
}

TEST(Mask, KnowsPercentEncodingAndJsonSlashes) {
    const std::string secret = "ab/cd+ef=gh ij";
    Mask mask;
    mask.add(secret);
    for (const std::string &form :
         {secret, encoding::percent_encode(secret), std::string{"ab%2fcd%2bef%3dgh%20ij"},
          std::string{R"(ab\/cd+ef=gh ij)"}}) {
        EXPECT_EQ(covered(mask, "<" + form + ">"), "<" + stars(form.size()) + ">");
    }
}

TEST(Mask, KnowsWhatTheUsualEncodersLeaveAlone) {
    Mask mask;
    mask.add("canary!At*9f8e(7)d'6c5b4a=32/10~ x");
    for (const std::string form :
         {"canary!At*9f8e(7)d'6c5b4a%3D32%2F10~%20x",               // encodeURIComponent
          "canary!At*9f8e(7)d'6c5b4a%3d32%2f10~%20x",               // with small digits
          "canary%21At*9f8e%287%29d%276c5b4a%3D32%2F10%7E+x",       // URLSearchParams, URLEncoder
          "canary%21At*9f8e%287%29d%276c5b4a%3d32%2f10%7e+x",       //
          "canary%21At%2A9f8e%287%29d%276c5b4a%3D32/10~%20x",       // Python's quote
          "canary%21At%2A9f8e%287%29d%276c5b4a%3D32%2F10~+x",       // and quote_plus, Go's QueryEscape
          "canary%21At%2A9f8e%287%29d%276c5b4a%3D32%2F10~%20x"}) {  // RFC 3986
        EXPECT_EQ(covered(mask, "<" + form + ">"), "<" + stars(form.size()) + ">");
    }
    Mask tilde;
    tilde.add("canary~9f8e7d");
    EXPECT_EQ(covered(tilde, "canary%7E9f8e7d"), stars(15));
}

TEST(Mask, KnowsBase64WhereverTheSecretStandsInIt) {
    const std::string secret = "k\xff\xfe\xfdtoken/with?bits~~";
    Mask mask;
    mask.add(secret);
    for (const std::string before : {"", "u", "us", "user:", "Aladdin:"}) {
        for (const std::string after : {"", "x", "yz", "more"}) {
            for (const std::string &text : {encoding::base64_encode(before + secret + after),
                                            encoding::base64url_encode(before + secret + after)}) {
                const std::string got = covered(mask, text);
                EXPECT_EQ(got.size(), text.size());
                // all but what the neighbours have a part in: two characters at most at either end
                const size_t first = got.find('*'), last = got.rfind('*');
                ASSERT_NE(first, std::string::npos) << before << after;
                EXPECT_EQ(got.substr(first, last - first + 1), stars(last - first + 1));
                EXPECT_GE(6 * (last - first + 1) + 12, 8 * secret.size());
            }
        }
    }
}

TEST(Mask, CoversWhatOverlaps) {
    Mask mask;
    mask.add("abcdefgh1");
    mask.add("fgh1xyzuv");
    mask.add("abcdefgh1xy");
    EXPECT_EQ(covered(mask, "-abcdefgh1xyzuv-"), "-" + stars(14) + "-");
}

TEST(Mask, SaysWhatBeginsAtTheEnd) {
    Mask mask;
    mask.add("abcdefgh1");
    EXPECT_EQ(mask.open_end("xx abc"), 3u);
    EXPECT_EQ(mask.open_end("abcdefgh1"), 0u);
    EXPECT_EQ(mask.open_end("xyz"), 0u);
    EXPECT_EQ(mask.open_end(""), 0u);
}

/// The body as it comes out, fed in pieces of the given sizes.
std::string in_pieces(const Mask &mask, uint64_t bytes, const std::string &body,
                      const std::vector<size_t> &cuts) {
    BodyMask body_mask(mask, bytes);
    std::string out, copy = body;
    size_t at = 0;
    for (size_t i = 0; i <= cuts.size(); ++i) {
        const size_t size = i < cuts.size() ? std::min(cuts[i], copy.size() - at) : copy.size() - at;
        std::string_view free;
        const size_t held = body_mask.take({copy.data() + at, size}, i == cuts.size(), free);
        out.append(free).append(copy, at, size - held);
        at += size;
    }
    return out.append(body_mask.rest());
}

TEST(BodyMask, EqualsTheWholeWhereverItIsCut) {
    std::mt19937 random(7);
    const auto below = [&](size_t end) { return random() % end; };
    for (int round = 0; round < 3000; ++round) {
        Mask mask;
        std::vector<std::string> secrets(1 + below(3));
        for (std::string &secret : secrets) {
            for (size_t i = 0, size = 8 + below(12); i < size; ++i) {
                secret.push_back("ab/"[below(3)]);
            }
            mask.add(secret);
        }
        std::string body;
        for (size_t i = 0, parts = below(8); i < parts; ++i) {
            const std::string &secret = secrets[below(secrets.size())];
            body.append(secret, 0, below(3) == 0 ? below(secret.size()) : std::string::npos);
            body.append(below(4), "ab/"[below(3)]);
        }
        std::vector<size_t> cuts(below(20));
        for (size_t &cut : cuts) {
            cut = below(5);
        }
        const std::string got = in_pieces(mask, 1000, body, cuts);
        ASSERT_EQ(got.size(), body.size());
        EXPECT_FALSE(mask.occurs_in(got));
        const std::string whole = covered(mask, body);
        for (size_t i = 0; i < got.size(); ++i) {  // nothing else is touched
            ASSERT_TRUE(got[i] == body[i] || (got[i] == '*' && whole[i] == '*')) << body;
        }
    }
}

TEST(BodyMask, LooksIntoSoManyBytesOnly) {
    Mask mask;
    mask.add("0123456789");
    const std::string body = "..0123456789..0123456789";
    EXPECT_EQ(in_pieces(mask, 4, body, {3, 6, 5}), "..**********..0123456789");
    EXPECT_EQ(in_pieces(mask, 100, body, {3, 6, 5}), "..**********..**********");
}

}  // namespace
}  // namespace nexus::scrub
