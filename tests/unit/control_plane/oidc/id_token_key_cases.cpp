// Keys: which of the provider's may have signed, and what published keys are not used for. Every token below
// is signed by the private part of the key that it names, unless it is a stranger's.
#include "shared/encoding/base64.h"
#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

namespace {

using enum IdTokenRefusal;

std::string unnamed(std::string_view alg) {
    return provider_keys().of(alg).token(alg, R"({"alg":")" + std::string{alg} + "\"}", Claims().json());
}

std::string replaced(std::string text, const std::string &what, const std::string &by) {
    return text.replace(text.find(what), what.size(), by);
}

void names(RefusalCases &cases) {
    const ProviderKeys &keys = provider_keys();
    const auto named = [&](const std::string &kid) { return token_under(header_of("RS256", kid)); };
    cases.push_back({"KidUnknown", kUnknownKid, named("r2")});
    cases.push_back({"KidOfOtherCase", kUnknownKid, named("R1")});
    cases.push_back({"KidWithBlank", kUnknownKid, named("r1 ")});
    cases.push_back({"KidPrefix", kUnknownKid, named("r")});
    cases.push_back({"KidIsAPath", kUnknownKid, named("../../../../dev/null")});
    cases.push_back({"KidIsSql", kUnknownKid, named("r1' OR '1'='1")});
    cases.push_back({"KidIsAUrl", kUnknownKid, named("https://evil.example/jwks.json")});
    cases.push_back({"KidAtItsLimit", kUnknownKid, named(std::string(512, 'r'))});
    cases.push_back({"NoKeysAndKid", kUnknownKid, named("r1"), set_of({})});
    cases.push_back({"NoKeysAndNoKid", kNoKey, unnamed("RS256"), set_of({})});
    cases.push_back({"NoKidAndNoKeyOfTheType", kNoKey, unnamed("RS256"), set_of({keys.e1.jwk("e1")})});
    cases.push_back({"NoKidAndOnlyAnEncryptionKey", kNoKey, unnamed("RS256"),
                     set_of({keys.r1.jwk("r1", R"("use":"enc")")})});
    cases.push_back({"NoKidAndTwoKeys", kAmbiguousKey, unnamed("RS256"),
                     set_of({keys.r1.jwk("r1"), keys.stranger.jwk("r2")})});
    cases.push_back({"NoKidAndTwoUnnamedKeys", kAmbiguousKey, unnamed("RS256"),
                     set_of({keys.r1.jwk(""), keys.stranger.jwk("")})});
    cases.push_back(
        {"KeysOfOneKid", kAmbiguousKey, named("r1"), set_of({keys.r1.jwk("r1"), keys.stranger.jwk("r1")})});
    cases.push_back({"KeysOfOneKidStrangerFirst", kAmbiguousKey, named("r1"),
                     set_of({keys.stranger.jwk("r1"), keys.r1.jwk("r1")})});
    cases.push_back(
        {"KeyListedTwice", kAmbiguousKey, named("r1"), set_of({keys.r1.jwk("r1"), keys.r1.jwk("r1")})});
    cases.push_back({"EcKeyListedTwice", kAmbiguousKey, token_of(Claims(), "ES256"),
                     set_of({keys.e1.jwk("e1"), keys.e1.jwk("e1")})});
    cases.push_back({"OkpKeyListedTwice", kAmbiguousKey, token_of(Claims(), "EdDSA"),
                     set_of({keys.o1.jwk("o1"), keys.o1.jwk("o1")})});
}

// The key is good, but not for this.
void uses(RefusalCases &cases) {
    const auto add = [&](const char *name, IdTokenRefusal reason, const std::string &more) {
        cases.push_back({name, reason, token_of(Claims()), set_of({provider_keys().r1.jwk("r1", more)})});
    };
    add("UseEnc", kKeyUse, R"("use":"enc")");
    add("UseUpperCase", kKeyUse, R"("use":"SIG")");
    add("UseEmpty", kKeyUse, R"("use":"")");
    add("UseNumber", kKeyUse, R"("use":1)");
    add("UseNull", kKeyUse, R"("use":null)");
    add("UseArray", kKeyUse, R"("use":["sig"])");
    add("UseUnknown", kKeyUse, R"("use":"tls")");
    add("KeyOpsSign", kKeyUse, R"("key_ops":["sign"])");
    add("KeyOpsEncrypt", kKeyUse, R"("key_ops":["encrypt","wrapKey"])");
    add("KeyOpsEmpty", kKeyUse, R"("key_ops":[])");
    add("KeyOpsText", kKeyUse, R"("key_ops":"verify")");
    add("KeyOpsNull", kKeyUse, R"("key_ops":null)");
    add("KeyOpsUpperCase", kKeyUse, R"("key_ops":["Verify"])");
    add("KeyOpsAgainstUse", kKeyUse, R"("use":"sig","key_ops":["encrypt"])");
    add("UseAgainstKeyOps", kKeyUse, R"("use":"enc","key_ops":["verify"])");
    add("KeyAlgOther", kKeyMismatch, R"("alg":"RS512")");
    add("KeyAlgPss", kKeyMismatch, R"("alg":"PS256")");
    add("KeyAlgOfEncryption", kKeyMismatch, R"("alg":"RSA-OAEP")");
    add("KeyAlgHmac", kKeyMismatch, R"("alg":"HS256")");
    add("KeyAlgNone", kKeyMismatch, R"("alg":"none")");
    add("KeyAlgLowerCase", kKeyMismatch, R"("alg":"rs256")");
    add("KeyAlgNumber", kKeyMalformed, R"("alg":256)");
    add("KeyAlgNull", kKeyMalformed, R"("alg":null)");
    add("KeyPublishesD", kKeyExposed, R"("d":"AQAB")");
    add("KeyPublishesPrimes", kKeyExposed, R"("p":"AQAB","q":"AQAB")");
}

// A token of one type of key that names a key of another.
void types(RefusalCases &cases) {
    const ProviderKeys &keys = provider_keys();
    const auto add = [&](const char *name, std::string_view alg, const char *kid) {
        cases.push_back({name, kKeyMismatch, keys.of(alg).token(alg, header_of(alg, kid), Claims().json())});
    };
    add("Rs256NamesAnEcKey", "RS256", "e1");
    add("Rs256NamesAnOkpKey", "RS256", "o1");
    add("Es256NamesAnRsaKey", "ES256", "r1");
    add("Es256NamesAP384Key", "ES256", "e3");
    add("Es384NamesAP256Key", "ES384", "e1");
    add("Es512NamesAP384Key", "ES512", "e3");
    add("EdDsaNamesAnEcKey", "EdDSA", "e1");
    add("EdDsaNamesAnRsaKey", "EdDSA", "r1");
}

void malformed(RefusalCases &cases) {
    const ProviderKeys &keys = provider_keys();
    const auto rsa = [&](const char *name, IdTokenRefusal reason, const std::string &jwk) {
        cases.push_back({name, reason, token_of(Claims()), set_of({jwk})});
    };
    const std::string r1 = keys.r1.jwk("r1");
    const std::string n = r1.substr(r1.find("\"n\":\"") + 5, 342);
    const auto with = [&](const std::string &modulus, const std::string &e) {
        return R"({"kid":"r1","kty":"RSA","n":")" + modulus + R"(","e":")" + e + "\"}";
    };
    rsa("RsaExponentOne", kKeyWeak, with(n, "AQ"));
    rsa("RsaExponentEven", kKeyWeak, with(n, "AQAA"));
    rsa("RsaExponentHuge", kKeyWeak, with(n, "AQAAAAAB"));
    rsa("RsaExponentEmpty", kKeyMalformed, with(n, ""));
    rsa("RsaModulusOf8200Bits", kKeyWeak,
        with(encoding::base64url_encode(std::string(1025, '\xFF')), "AQAB"));
    rsa("RsaModulusOf64Bits", kKeyWeak, with("__________8", "AQAB"));
    rsa("RsaModulusMissing", kKeyMalformed, R"({"kid":"r1","kty":"RSA","e":"AQAB"})");
    rsa("RsaExponentMissing", kKeyMalformed, R"({"kid":"r1","kty":"RSA","n":")" + n + "\"}");
    rsa("RsaModulusNoBase64", kKeyMalformed, with("!" + n, "AQAB"));
    rsa("RsaModulusPadded", kKeyMalformed, with(n + "==", "AQAB"));
    rsa("RsaModulusNumber", kKeyMalformed, R"({"kid":"r1","kty":"RSA","n":7,"e":"AQAB"})");
    rsa("KtyMissing", kKeyMalformed, replaced(r1, R"("kty":"RSA",)", ""));
    rsa("KtyLowerCase", kKeyMalformed, replaced(r1, R"("RSA")", R"("rsa")"));
    rsa("KtyNumber", kKeyMalformed, replaced(r1, R"("RSA")", "1"));
    rsa("KtyOct", kKeyMalformed, R"({"kid":"r1","kty":"oct","k":"c2VjcmV0"})");
    rsa("KtyUnknown", kKeyMalformed, R"({"kid":"r1","kty":"AKP"})");
    rsa("KeyIsText", kUnknownKid, "\"r1\"");
    rsa("KeyIsNull", kUnknownKid, "null");
    rsa("KeyKidIsANumber", kUnknownKid, replaced(r1, R"("r1")", "1"));

    static const Forger kWeak = Forger::rsa(1024);
    cases.push_back({"RsaOf1024Bits", kKeyWeak,
                     kWeak.token("RS256", header_of("RS256", "weak"), Claims().json()),
                     set_of({kWeak.jwk("weak")})});

    const auto ec = [&](const char *name, const std::string &jwk) {
        cases.push_back({name, kKeyMalformed, token_of(Claims(), "ES256"), set_of({jwk})});
    };
    const std::string e1 = keys.e1.jwk("e1");
    const std::string x = e1.substr(e1.find("\"x\":\"") + 5, 43);
    const auto point = [&](const std::string &crv, const std::string &px, const std::string &py) {
        return R"({"kid":"e1","kty":"EC","crv":")" + crv + R"(","x":")" + px + R"(","y":")" + py + "\"}";
    };
    ec("EcPointOffTheCurve", point("P-256", x, x));
    ec("EcPointAtNought", point("P-256", encoding::base64url_encode(std::string(32, '\0')),
                                encoding::base64url_encode(std::string(32, '\0'))));
    ec("EcCoordinateTooShort", point("P-256", x.substr(0, 40), x));
    ec("EcCoordinateMissing", R"({"kid":"e1","kty":"EC","crv":"P-256","x":")" + x + "\"}");
    ec("EcCurveMissing", replaced(e1, R"("crv":"P-256",)", ""));
    ec("EcCurveUnknown", replaced(e1, "P-256", "P-224"));
    ec("EcCurveOfBitcoin", replaced(e1, "P-256", "secp256k1"));
    ec("EcCurveOfOtherSize", replaced(e1, "P-256", "P-384"));
    ec("EcCurveNumber", replaced(e1, R"("P-256")", "256"));
    cases.push_back({"EcPublishesD", kKeyExposed, token_of(Claims(), "ES256"),
                     set_of({keys.e1.jwk("e1", R"("d":"AQAB")")})});

    const auto okp = [&](const char *name, const std::string &jwk) {
        cases.push_back({name, kKeyMalformed, token_of(Claims(), "EdDSA"), set_of({jwk})});
    };
    const std::string o1 = keys.o1.jwk("o1");
    okp("OkpCurveX25519", replaced(o1, "Ed25519", "X25519"));
    okp("OkpCurveEd448", replaced(o1, "Ed25519", "Ed448"));
    okp("OkpTooShort", R"({"kid":"o1","kty":"OKP","crv":"Ed25519","x":"AAAA"})");
    okp("OkpMissing", R"({"kid":"o1","kty":"OKP","crv":"Ed25519"})");
    cases.push_back({"OkpPublishesD", kKeyExposed, token_of(Claims(), "EdDSA"),
                     set_of({keys.o1.jwk("o1", R"("d":"AQAB")")})});
}

// Keys that a token brings along, or says where to get, are nobody's.
void brought_along(RefusalCases &cases) {
    const Forger &stranger = provider_keys().stranger;
    const auto add = [&](const char *name, IdTokenRefusal reason, const std::string &more) {
        cases.push_back(
            {name, reason, stranger.token("RS256", R"({"alg":"RS256",)" + more + "}", Claims().json())});
    };
    const std::string jwk = R"("jwk":)" + stranger.jwk("evil");
    add("JwkInTheHeader", kSignature, jwk);
    add("JwkInTheHeaderWithItsKid", kUnknownKid, R"("kid":"evil",)" + jwk);
    add("JwkInTheHeaderWithOurKid", kSignature, R"("kid":"r1",)" + jwk);
    add("JkuInTheHeader", kUnknownKid, R"("kid":"evil","jku":"https://evil.example/jwks.json")");
    add("X5uInTheHeader", kUnknownKid, R"("kid":"evil","x5u":"https://evil.example/chain.pem")");
    add("X5cInTheHeader", kSignature, R"("kid":"r1","x5c":["MIIB"])");
}

}  // namespace

RefusalCases key_cases() {
    RefusalCases cases;
    names(cases);
    uses(cases);
    types(cases);
    malformed(cases);
    brought_along(cases);
    return cases;
}

}  // namespace nexus::test
