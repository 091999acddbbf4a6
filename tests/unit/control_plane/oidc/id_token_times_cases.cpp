// exp, iat and nbf: missing, of no sense, over, or to come. The provider's clock may differ by 120 s.
#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

using enum IdTokenRefusal;

RefusalCases times_cases() {
    RefusalCases cases;
    const int64_t skew = control::kDefaultClockSkewS;
    const auto add = [&](const char *name, IdTokenRefusal reason, const Claims &claims,
                         const std::function<void(IdTokenExpectation &)> &adjust = {}) {
        cases.push_back({name, reason, token_of(claims), "", adjust});
    };
    const auto with_skew = [](int64_t seconds) {
        return [seconds](IdTokenExpectation &expected) { expected.clock_skew_s = seconds; };
    };
    add("ExpMissing", kExpMissing, Claims().drop("exp"));
    add("IatMissing", kIatMissing, Claims().drop("iat"));
    add("TimesMissing", kExpMissing, Claims().drop("exp").drop("iat"));
    for (const char *claim : {"exp", "iat", "nbf"}) {
        const auto odd = [&](const char *name, const std::string &json) {
            const std::string full = std::string{claim} + name;
            add(full.c_str(), kTimeMalformed, Claims().set(claim, json));
        };
        odd("Null", "null");
        odd("Text", R"("1800000300")");
        odd("True", "true");
        odd("List", "[1800000300]");
        odd("Fraction", "1800000300.5");
        odd("WholeFraction", "1800000300.0");
        odd("Exponent", "1.8e9");
        odd("Negative", "-1");
        odd("Zero", "0");
        odd("InMilliseconds", "1800000300000");
        odd("BeyondTheCalendar", "253402300800");
        odd("Largest", "9223372036854775807");
    }
    add("ExpAtIat", kTimeMalformed, Claims().number("exp", kNowS).number("iat", kNowS));
    add("ExpBeforeIat", kTimeMalformed, Claims().number("exp", kNowS - 10).number("iat", kNowS + 10));
    add("ExpiredToTheSecond", kExpired, Claims().number("exp", kNowS - skew).number("iat", kNowS - 600));
    add("ExpiredLongAgo", kExpired, Claims().number("exp", 1'300'819'380).number("iat", 1'300'819'000));
    add("ExpiredOfSecondOne", kExpired, Claims().number("exp", 2).number("iat", 1));
    add("ExpiredWithoutSkew", kExpired, Claims().number("exp", kNowS).number("iat", kNowS - 300),
        with_skew(0));
    add("ExpiredWithSmallSkew", kExpired, Claims().number("exp", kNowS - 10).number("iat", kNowS - 300),
        with_skew(10));
    add("IssuedInFutureByASecond", kIssuedInFuture, Claims().number("iat", kNowS + skew + 1));
    add("IssuedInFutureByAYear", kIssuedInFuture,
        Claims().number("iat", kNowS + 31'536'000).number("exp", kNowS + 31'540'000));
    add("IssuedInFutureWithoutSkew", kIssuedInFuture, Claims().number("iat", kNowS + 1), with_skew(0));
    add("NotYetValidByASecond", kNotYetValid, Claims().number("nbf", kNowS + skew + 1));
    add("NotYetValidByADay", kNotYetValid,
        Claims().number("nbf", kNowS + 86'400).number("exp", kNowS + 90'000));
    add("NotYetValidWithoutSkew", kNotYetValid, Claims().number("nbf", kNowS + 1), with_skew(0));
    return cases;
}

}  // namespace nexus::test
