// Claims that say something else than they must: issuer, audience, nonce, subject, hashes. All signed by the
// provider.
#include "control_plane/oidc/token_hash.h"
#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

namespace {

using enum IdTokenRefusal;
using Adjust = std::function<void(IdTokenExpectation &)>;

/// Adds cases that replace one claim; an empty JSON takes it away.
struct Adder {
    RefusalCases &cases;
    std::string claim;

    void operator()(const std::string &name, IdTokenRefusal reason, const std::string &json,
                    Claims claims = Claims(), const Adjust &adjust = {}) const {
        json.empty() ? claims.drop(claim) : claims.set(claim, json);
        cases.push_back({name, reason, token_of(claims), "", adjust});
    }
};

void issuers(RefusalCases &cases) {
    const Adder iss{cases, "iss"};
    iss("IssMissing", kIssuerMissing, "");
    iss("IssOther", kIssuer, R"("https://evil.example")");
    iss("IssTrailingSlash", kIssuer, R"("https://idp.example/")");
    iss("IssPlainHttp", kIssuer, R"("http://idp.example")");
    iss("IssWithoutScheme", kIssuer, R"("idp.example")");
    iss("IssUpperCase", kIssuer, R"("https://IDP.example")");
    iss("IssWithPort", kIssuer, R"("https://idp.example:443")");
    iss("IssWithPath", kIssuer, R"("https://idp.example/tenant")");
    iss("IssWithQuery", kIssuer, R"("https://idp.example?x")");
    iss("IssLongerHost", kIssuer, R"("https://idp.example.evil.example")");
    iss("IssAsUserInfo", kIssuer, R"("https://idp.example@evil.example")");
    iss("IssPrefix", kIssuer, R"("https://idp.exampl")");
    iss("IssTrailingBlank", kIssuer, R"("https://idp.example ")");
    iss("IssEmpty", kIssuer, R"("")");
    iss("IssNull", kIssuer, "null");
    iss("IssNumber", kIssuer, "1");
    iss("IssArray", kIssuer, R"(["https://idp.example"])");
    iss("IssWhereNoneIsPinned", kIssuer, R"("")", Claims(),
        [](IdTokenExpectation &expected) { expected.issuer = ""; });
}

void audiences(RefusalCases &cases) {
    const Adder aud{cases, "aud"};
    aud("AudMissing", kAudienceMissing, "");
    aud("AudNull", kAudienceMalformed, "null");
    aud("AudNumber", kAudienceMalformed, "1");
    aud("AudTrue", kAudienceMalformed, "true");
    aud("AudObject", kAudienceMalformed, R"({"client-1":true})");
    aud("AudListWithANumber", kAudienceMalformed, R"(["client-1",7])");
    aud("AudListWithNull", kAudienceMalformed, R"([null,"client-1"])");
    aud("AudListInAList", kAudienceMalformed, R"([["client-1"]])");
    aud("AudOther", kAudience, R"("client-2")");
    aud("AudEmpty", kAudience, R"("")");
    aud("AudUpperCase", kAudience, R"("CLIENT-1")");
    aud("AudPrefix", kAudience, R"("client-")");
    aud("AudLonger", kAudience, R"("client-10")");
    aud("AudTrailingBlank", kAudience, R"("client-1 ")");
    aud("AudJoinedByComma", kAudience, R"("client-1,client-2")");
    aud("AudIsTheIssuer", kAudience, R"("https://idp.example")");
    aud("AudEmptyList", kAudience, "[]");
    aud("AudListOfOthers", kAudience, R"(["client-2","client-3"])", Claims().text("azp", "client-1"));
    aud("AudWhereThereIsNoClient", kAudience, R"("")", Claims(),
        [](IdTokenExpectation &expected) { expected.client_id = ""; });

    const Adder azp{cases, "azp"};
    const Claims several = Claims().set("aud", R"(["client-1","client-2"])");
    azp("AzpMissing", kAzpMissing, "", several);
    azp("AzpMissingClientLast", kAzpMissing, "", Claims().set("aud", R"(["client-2","client-1"])"));
    azp("AzpMissingSameTwice", kAzpMissing, "", Claims().set("aud", R"(["client-1","client-1"])"));
    azp("AzpOther", kAzp, R"("client-2")");
    azp("AzpOtherOfSeveral", kAzp, R"("client-2")", several);
    azp("AzpEmpty", kAzp, R"("")");
    azp("AzpNull", kAzp, "null", several);
    azp("AzpNumber", kAzp, "1");
    azp("AzpList", kAzp, R"(["client-1"])");
    azp("AzpUpperCase", kAzp, R"("Client-1")");
}

void nonces(RefusalCases &cases) {
    const Adder nonce{cases, "nonce"};
    nonce("NonceMissing", kNonceMissing, "");
    nonce("NonceOther", kNonce, R"("nonce-2")");
    nonce("NonceEmpty", kNonce, R"("")");
    nonce("NonceNull", kNonce, "null");
    nonce("NonceNumber", kNonce, "1");
    nonce("NonceList", kNonce, R"(["nonce-1"])");
    nonce("NonceUpperCase", kNonce, R"("NONCE-1")");
    nonce("NoncePrefix", kNonce, R"("nonce-")");
    nonce("NonceLonger", kNonce, R"("nonce-1x")");
    nonce("NonceSentEmpty", kNonce, R"("")", Claims(),
          [](IdTokenExpectation &expected) { expected.nonce = ""; });
    nonce("NonceUnexpected", kNonceUnexpected, R"("nonce-1")", Claims(),
          [](IdTokenExpectation &expected) { expected.nonce.reset(); });
    nonce("NonceUnexpectedNull", kNonceUnexpected, "null", Claims(),
          [](IdTokenExpectation &expected) { expected.nonce.reset(); });
    nonce("NonceOtherOnRefresh", kNonce, R"("nonce-2")", Claims(),
          [](IdTokenExpectation &expected) { expected.is_refresh = true; });
}

void subjects(RefusalCases &cases) {
    const Adder sub{cases, "sub"};
    sub("SubMissing", kSubjectMissing, "");
    sub("SubEmpty", kSubjectMalformed, R"("")");
    sub("SubNull", kSubjectMalformed, "null");
    sub("SubNumber", kSubjectMalformed, "7");
    sub("SubList", kSubjectMalformed, R"(["alice"])");
    sub("SubTooLong", kSubjectMalformed, '"' + std::string(256, 'a') + '"');
    sub("SubNotAscii", kSubjectMalformed,
        "\"al\xC3\xAD"
        "ce\"");
    sub("SubNotAsciiByEscape", kSubjectMalformed, R"("al\u00edce")");
    sub("SubControlCharacter", kSubjectMalformed, R"("al\nice")");
    sub("SubDelete", kSubjectMalformed, "\"alice\x7F\"");
    const Adjust of_bob = [](IdTokenExpectation &expected) {
        expected.is_refresh = true;
        expected.subject = "bob";
    };
    sub("SubOtherOnRefresh", kSubjectChanged, R"("alice")", Claims(), of_bob);
    sub("SubOtherCaseOnRefresh", kSubjectChanged, R"("Bob")", Claims(), of_bob);
    sub("SubMissingOnRefresh", kSubjectMissing, "", Claims(), of_bob);
}

void hashes(RefusalCases &cases) {
    const auto half = [](const char *value, const char *alg) {
        return '"' + *control::half_hash(value, *jose::find_signature_algorithm(alg)) + '"';
    };
    const Adjust given = [](IdTokenExpectation &expected) {
        expected.access_token = "access-1";
        expected.code = "code-1";
    };
    for (const auto &[claim, value, other, reason] : {std::tuple{"at_hash", "access-1", "access-2", kAtHash},
                                                      std::tuple{"c_hash", "code-1", "code-2", kCHash}}) {
        const Adder hash{cases, claim};
        const std::string prefix = reason == kAtHash ? "AtHash" : "CHash";
        const std::string right = half(value, "RS256");
        hash(prefix + "OfAnother", reason, half(other, "RS256"), Claims(), given);
        hash(prefix + "OfAnotherHash", reason, half(value, "RS512"), Claims(), given);
        hash(prefix + "CutOff", reason, right.substr(0, right.size() - 2) + '"', Claims(), given);
        hash(prefix + "Padded", reason, right.substr(0, right.size() - 1) + "==\"", Claims(), given);
        hash(prefix + "IsTheValue", reason, '"' + std::string{value} + '"', Claims(), given);
        hash(prefix + "Empty", reason, R"("")", Claims(), given);
        hash(prefix + "Null", reason, "null", Claims(), given);
        hash(prefix + "Number", reason, "1", Claims(), given);
        cases.push_back({prefix + "OfSha256UnderEdDsa", reason, token_of(Claims().set(claim, right), "EdDSA"),
                         "", given});
        cases.push_back({prefix + "OfSha256UnderEs384", reason, token_of(Claims().set(claim, right), "ES384"),
                         "", given});
    }
    Claims swapped;
    swapped.set("at_hash", half("code-1", "RS256")).set("c_hash", half("access-1", "RS256"));
    cases.push_back({"HashesSwapped", kAtHash, token_of(swapped), "", given});
}

}  // namespace

RefusalCases claims_cases() {
    RefusalCases cases;
    issuers(cases);
    audiences(cases);
    nonces(cases);
    subjects(cases);
    hashes(cases);
    return cases;
}

}  // namespace nexus::test
