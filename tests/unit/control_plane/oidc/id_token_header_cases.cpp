// Headers: odd JSON, members twice, extensions, kinds and algorithms. The signatures below are good.
#include "shared/encoding/base64.h"
#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

namespace {

using enum IdTokenRefusal;

void odd_json(RefusalCases &cases) {
    const auto add = [&](const char *name, const std::string &header) {
        cases.push_back({name, kHeaderMalformed, token_under(header)});
    };
    add("HeaderEmptyObject", "{}");
    add("HeaderArray", R"([{"alg":"RS256"}])");
    add("HeaderString", R"("RS256")");
    add("HeaderNumber", "256");
    add("HeaderNull", "null");
    add("HeaderNoJson", "alg=RS256");
    add("HeaderCutOff", R"({"alg":"RS256")");
    add("HeaderTrailingData", R"({"alg":"RS256","kid":"r1"} x)");
    add("HeaderTwoObjects", R"({"alg":"RS256","kid":"r1"}{"alg":"none"})");
    add("HeaderByteOrderMark",
        "\xEF\xBB\xBF"
        R"({"alg":"RS256","kid":"r1"})");
    add("HeaderEscapedNul", R"({"alg":"RS256\u0000","kid":"r1"})");
    add("HeaderNulAfter", std::string{R"({"alg":"RS256","kid":"r1"})"} + '\0');
    add("HeaderNulInside", std::string{R"({"alg":"RS256","kid":"r1)"} + '\0' + "\"}");
    add("HeaderInvalidUtf8", "{\"alg\":\"RS256\",\"kid\":\"r1\",\"x\":\"\xFF\"}");
    add("HeaderOverlongUtf8", "{\"alg\":\"RS256\",\"kid\":\"r1\",\"x\":\"\xC0\xAF\"}");
    add("HeaderLoneSurrogate", R"({"alg":"RS256","kid":"r1","x":"\ud800"})");
    add("HeaderComment", R"({"alg":"RS256",/* x */"kid":"r1"})");
    add("HeaderTrailingComma", R"({"alg":"RS256","kid":"r1",})");
    add("HeaderSingleQuotes", "{'alg':'RS256','kid':'r1'}");
    add("HeaderControlCharacter", "{\"alg\":\"RS256\",\"kid\":\"r1\",\"x\":\"\n\"}");
    add("HeaderNotANumber", R"({"alg":"RS256","kid":"r1","x":NaN})");
    add("HeaderNumberOutOfRange", R"({"alg":"RS256","kid":"r1","x":1e999})");
    add("HeaderNestedDeep",
        R"({"alg":"RS256","kid":"r1","x":)" + std::string(9, '[') + std::string(9, ']') + "}");
    add("HeaderUtf16", std::string("{\0\"\0a\0", 6));
    add("AlgMissing", R"({"kid":"r1","typ":"JWT"})");
    add("AlgNumber", R"({"alg":256,"kid":"r1"})");
    add("AlgNull", R"({"alg":null,"kid":"r1"})");
    add("AlgArray", R"({"alg":["RS256"],"kid":"r1"})");
    add("AlgUpperCaseName", R"({"ALG":"RS256","kid":"r1"})");
    add("KidNumber", R"({"alg":"RS256","kid":1})");
    add("KidNull", R"({"alg":"RS256","kid":null})");
    add("KidEmpty", R"({"alg":"RS256","kid":""})");
    add("KidArray", R"({"alg":"RS256","kid":["r1"]})");
    add("KidObject", R"({"alg":"RS256","kid":{"r1":1}})");
    add("KidTooLong", R"({"alg":"RS256","kid":")" + std::string(513, 'r') + "\"}");
}

void members_twice(RefusalCases &cases) {
    const auto add = [&](const char *name, const std::string &header) {
        cases.push_back({name, kHeaderDuplicateMember, token_under(header)});
    };
    add("AlgTwice", R"({"alg":"none","alg":"RS256","kid":"r1"})");
    add("AlgTwiceTheSame", R"({"alg":"RS256","alg":"RS256","kid":"r1"})");
    add("AlgTwiceByEscape", R"({"alg":"RS256","al\u0067":"none","kid":"r1"})");
    add("KidTwice", R"({"alg":"RS256","kid":"e1","kid":"r1"})");
    add("TypTwice", R"({"alg":"RS256","kid":"r1","typ":"JWT","typ":"at+jwt"})");
    add("UnknownMemberTwice", R"({"alg":"RS256","kid":"r1","x":1,"x":1})");
    add("NestedMemberTwice", R"({"alg":"RS256","kid":"r1","jwk":{"kty":"RSA","kty":"EC"}})");
}

void extensions(RefusalCases &cases) {
    const auto add = [&](const char *name, IdTokenRefusal reason, const std::string &more) {
        cases.push_back({name, reason, token_under(R"({"alg":"RS256","kid":"r1",)" + more + "}")});
    };
    add("CritUnknown", kCrit, R"("crit":["http://example.com/x"],"http://example.com/x":true)");
    add("CritExp", kCrit, R"("crit":["exp"],"exp":1)");
    add("CritB64", kCrit, R"("crit":["b64"],"b64":true)");
    add("CritB64False", kCrit, R"("crit":["b64"],"b64":false)");
    add("CritEmpty", kCrit, R"("crit":[])");
    add("CritText", kCrit, R"("crit":"b64")");
    add("CritNull", kCrit, R"("crit":null)");
    add("CritNamesAlg", kCrit, R"("crit":["alg"])");
    add("CritNamesWhatIsNotThere", kCrit, R"("crit":["x"])");
    add("B64False", kB64, R"("b64":false)");
    add("B64Text", kB64, R"("b64":"true")");
    add("B64Null", kB64, R"("b64":null)");
    add("B64Zero", kB64, R"("b64":0)");
    add("TypAccessToken", kTyp, R"("typ":"at+jwt")");
    add("TypAccessTokenMedia", kTyp, R"("typ":"application/at+jwt")");
    add("TypLogoutToken", kTyp, R"("typ":"logout+jwt")");
    add("TypSecurityEvent", kTyp, R"("typ":"secevent+jwt")");
    add("TypDpop", kTyp, R"("typ":"dpop+jwt")");
    add("TypJose", kTyp, R"("typ":"JOSE")");
    add("TypEmpty", kTyp, R"("typ":"")");
    add("TypTrailingBlank", kTyp, R"("typ":"JWT ")");
    add("TypNumber", kTyp, R"("typ":1)");
    add("TypNull", kTyp, R"("typ":null)");
    add("TypArray", kTyp, R"("typ":["JWT"])");
}

void algorithms(RefusalCases &cases) {
    const auto add = [&](const char *name, IdTokenRefusal reason, const std::string &alg) {
        cases.push_back({name, reason, token_under(header_of(alg, "r1"))});
    };
    add("None", kAlgNone, "none");
    add("NoneCapital", kAlgNone, "None");
    add("NoneUpper", kAlgNone, "NONE");
    add("NoneMixed", kAlgNone, "nOnE");
    add("Hs256", kAlgHmac, "HS256");
    add("Hs384", kAlgHmac, "HS384");
    add("Hs512", kAlgHmac, "HS512");
    add("Hs256Lower", kAlgHmac, "hs256");
    add("AlgEmpty", kAlgUnknown, "");
    add("Rs256Lower", kAlgUnknown, "rs256");
    add("Rs256TrailingBlank", kAlgUnknown, "RS256 ");
    add("Rs257", kAlgUnknown, "RS257");
    add("Rs1", kAlgUnknown, "RS1");
    add("Es256K", kAlgUnknown, "ES256K");
    add("RsaOaep", kAlgUnknown, "RSA-OAEP");
    add("Dir", kAlgUnknown, "dir");
    add("A256Gcm", kAlgUnknown, "A256GCM");
    add("Ed448", kAlgUnknown, "Ed448");
    add("EdDsaLower", kAlgUnknown, "eddsa");

    const ProviderKeys &keys = provider_keys();
    const std::string claims = Claims().json();
    cases.push_back({"NoneWithoutSignature", kAlgNone, compact(R"({"alg":"none"})", claims, "")});
    cases.push_back({"NoneWithoutSignaturePart", kMalformed, signing_input(R"({"alg":"none"})", claims)});
    // The classic confusion: HMAC with what everybody knows as the secret.
    const std::string header = header_of("HS256", "r1");
    const std::string text = signing_input(header, claims);
    cases.push_back(
        {"Hs256ByThePublicJwk", kAlgHmac, compact(header, claims, hmac_signature(keys.r1.jwk("r1"), text))});
    cases.push_back(
        {"Hs256ByTheClientId", kAlgHmac, compact(header, claims, hmac_signature("client-1", text))});
    cases.push_back({"Hs256ByNothing", kAlgHmac, compact(header, claims, hmac_signature("", text))});

    const auto accepting = [](std::vector<std::string> names) {
        return [names = std::move(names)](IdTokenExpectation &expected) { expected.algorithms = names; };
    };
    cases.push_back(
        {"Rs256WhereEs256IsAccepted", kAlgNotAccepted, token_of(Claims()), "", accepting({"ES256"})});
    cases.push_back({"Rs256WhereStrongerIsAccepted", kAlgNotAccepted, token_of(Claims()), "",
                     accepting({"RS384", "PS256"})});
    cases.push_back({"Es384WhereEs256IsAccepted", kAlgNotAccepted, token_of(Claims(), "ES384"), "",
                     accepting({"ES256"})});
    cases.push_back({"EdDsaWhereRs256IsAccepted", kAlgNotAccepted, token_of(Claims(), "EdDSA"), "",
                     accepting({"RS256"})});
    cases.push_back(
        {"NoneThoughAccepted", kAlgNone, compact(R"({"alg":"none"})", claims, ""), "", accepting({"none"})});
    cases.push_back({"Hs256ThoughAccepted", kAlgHmac,
                     compact(header, claims, hmac_signature("client-1", text)), "", accepting({"HS256"})});
}

}  // namespace

RefusalCases header_cases() {
    RefusalCases cases;
    odd_json(cases);
    members_twice(cases);
    extensions(cases);
    algorithms(cases);
    return cases;
}

}  // namespace nexus::test
