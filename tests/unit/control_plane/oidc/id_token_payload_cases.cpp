// Payloads that are no JSON object with each member once. All of them are signed by the provider.
#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

using enum IdTokenRefusal;

RefusalCases payload_cases() {
    RefusalCases cases;
    const std::string good = Claims().json();
    const std::string open = good.substr(0, good.size() - 1);  // without its last bracket
    const auto odd = [&](const char *name, const std::string &payload) {
        cases.push_back({name, kPayloadMalformed, token_of_payload(payload)});
    };
    odd("PayloadEmpty", "");
    odd("PayloadArray", "[" + good + "]");
    odd("PayloadString", R"("alice")");
    odd("PayloadNumber", "7");
    odd("PayloadNull", "null");
    odd("PayloadTrue", "true");
    odd("PayloadNoJson", "sub=alice");
    odd("PayloadCutOff", open);
    odd("PayloadTrailingData", good + "x");
    odd("PayloadTwoObjects", good + good);
    odd("PayloadTrailingNul", good + '\0');
    odd("PayloadByteOrderMark", "\xEF\xBB\xBF" + good);
    odd("PayloadInvalidUtf8", open + ",\"name\":\"\xFF\"}");
    odd("PayloadOverlongUtf8", open + ",\"name\":\"\xE0\x80\xAF\"}");
    odd("PayloadEscapedNul", open + R"(,"name":"a\u0000b"})");
    odd("PayloadNulInAName", open + R"(,"a\u0000":1})");
    odd("PayloadLoneSurrogate", open + R"(,"name":"\udc00"})");
    odd("PayloadControlCharacter", open + ",\"name\":\"a\tb\"}");
    odd("PayloadComment", open + "/**/}");
    odd("PayloadTrailingComma", open + ",}");
    odd("PayloadNotANumber", open + R"(,"x":NaN})");
    odd("PayloadNumberOutOfRange", open + R"(,"x":1e999})");
    odd("PayloadIntegerOutOfRange", open + R"(,"x":99999999999999999999})");
    odd("PayloadHexNumber", open + R"(,"x":0x10})");
    odd("PayloadLeadingZero", open + R"(,"x":010})");
    odd("PayloadNestedDeep", open + ",\"x\":" + std::string(8, '[') + std::string(8, ']') + "}");
    odd("PayloadNestedVeryDeep", open + ",\"x\":" + std::string(4000, '[') + std::string(4000, ']') + "}");
    odd("PayloadIsCompressed", std::string("\x1F\x8B\x08\x00\x00\x00\x00\x00", 8));
    odd("PayloadIsAToken", token_of(Claims()));

    const auto twice = [&](const char *name, const std::string &more) {
        cases.push_back({name, kPayloadDuplicateMember, token_of_payload(open + "," + more + "}")});
    };
    twice("IssTwice", R"("iss":"https://idp.example")");
    twice("IssTwiceOther", R"("iss":"https://evil.example")");
    twice("SubTwice", R"("sub":"bob")");
    twice("AudTwice", R"("aud":"client-2")");
    twice("ExpTwice", R"("exp":1900000000)");
    twice("NonceTwice", R"("nonce":"nonce-2")");
    twice("IssTwiceByEscape", R"("\u0069ss":"https://evil.example")");
    twice("NestedClaimTwice", R"("address":{"country":"a","country":"b"})");
    twice("ClaimInAListTwice", R"("roles":[{"a":1,"a":2}])");
    return cases;
}

}  // namespace nexus::test
