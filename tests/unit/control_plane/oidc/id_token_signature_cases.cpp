// Signatures that are not the named key's, not over this text, or not of this algorithm's form.
#include <openssl/bn.h>
#include <openssl/rsa.h>

#include "shared/encoding/base64.h"
#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

namespace {

using enum IdTokenRefusal;

std::string flipped(std::string bytes, size_t at) {
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
    return bytes;
}

// DER of the same two numbers, as OpenSSL and X.509 have them and JOSE does not.
std::string der_of(const std::string &raw) {
    const auto number = [](std::string bytes) {
        if ((bytes[0] & 0x80) != 0) {
            bytes.insert(0, 1, '\0');
        }
        return std::string{"\x02"} + static_cast<char>(bytes.size()) + bytes;
    };
    const std::string both = number(raw.substr(0, raw.size() / 2)) + number(raw.substr(raw.size() / 2));
    return std::string{"\x30"} + static_cast<char>(both.size()) + both;
}

std::string pss_with_salt(int bytes, std::string_view text) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding = nullptr;
    std::string out(256, '\0');
    size_t size = out.size();
    EVP_DigestSignInit_ex(context, &padding, "SHA256", nullptr, nullptr, provider_keys().r1.key(), nullptr);
    EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, bytes);
    EVP_DigestSign(context, reinterpret_cast<unsigned char *>(out.data()), &size,
                   reinterpret_cast<const unsigned char *>(text.data()), text.size());
    EVP_MD_CTX_free(context);
    return out;
}

}  // namespace

RefusalCases signature_cases() {
    const ProviderKeys &keys = provider_keys();
    const std::string claims = Claims().json();
    RefusalCases cases;
    const auto add = [&](const char *name, std::string_view alg, const std::string &signature) {
        cases.push_back(
            {name, kSignature, compact(header_of(alg, ProviderKeys::kid_of(alg)), claims, signature)});
    };
    const auto text = [&](std::string_view alg) {
        return signing_input(header_of(alg, ProviderKeys::kid_of(alg)), claims);
    };
    const auto good = [&](std::string_view alg) { return keys.of(alg).signature(alg, text(alg)); };

    const std::string rs = good("RS256");
    add("RsOfAStranger", "RS256", keys.stranger.signature("RS256", text("RS256")));
    add("RsFirstBitFlipped", "RS256", flipped(rs, 0));
    add("RsLastBitFlipped", "RS256", flipped(rs, rs.size() - 1));
    add("RsCutOff", "RS256", rs.substr(0, rs.size() - 1));
    add("RsWithOneByteMore", "RS256", rs + '\0');
    add("RsWithALeadingZero", "RS256", std::string(1, '\0') + rs);
    add("RsEmpty", "RS256", "");
    add("RsOfZeroes", "RS256", std::string(256, '\0'));
    add("RsOfOne", "RS256", std::string(255, '\0') + '\x01');
    add("RsOfOtherClaims", "RS256",
        keys.r1.signature("RS256",
                          signing_input(header_of("RS256", "r1"), Claims().text("sub", "bob").json())));
    add("RsOfOtherHeader", "RS256",
        keys.r1.signature("RS256", signing_input(R"({"alg":"RS256","kid":"r1"})", claims)));
    add("RsOfTheClaimsAlone", "RS256", keys.r1.signature("RS256", claims));
    add("RsByRs512", "RS256", keys.r1.signature("RS512", text("RS256")));
    add("RsByPs256", "RS256", keys.r1.signature("PS256", text("RS256")));
    add("RsIsAnHmac", "RS256", hmac_signature(keys.r1.jwk("r1"), text("RS256")));
    add("PsByRs256", "PS256", keys.r1.signature("RS256", text("PS256")));
    add("PsByPs512", "PS256", keys.r1.signature("PS512", text("PS256")));
    add("PsWithoutSalt", "PS256", pss_with_salt(0, text("PS256")));
    add("PsWithShortSalt", "PS256", pss_with_salt(20, text("PS256")));
    add("PsBitFlipped", "PS384", flipped(good("PS384"), 7));

    const std::string es = good("ES256");
    const Forger other_ec = Forger::ec("P-256");
    add("EsOfAStranger", "ES256", other_ec.signature("ES256", text("ES256")));
    add("EsBitFlipped", "ES256", flipped(es, 63));
    add("EsInDer", "ES256", der_of(es));
    add("EsOfZeroes", "ES256", std::string(64, '\0'));  // CVE-2022-21449
    add("EsOfOnes", "ES256", std::string(64, '\xFF'));
    add("EsHalvesSwapped", "ES256", es.substr(32) + es.substr(0, 32));
    add("EsCutOff", "ES256", es.substr(0, 62));
    add("EsEmpty", "ES256", "");
    add("EsPaddedWithZeroes", "ES256",
        std::string(1, '\0') + es.substr(0, 32) + std::string(1, '\0') + es.substr(32));
    add("EsByEs384", "ES256", keys.e3.signature("ES384", text("ES256")));
    add("Es384OfZeroes", "ES384", std::string(96, '\0'));
    add("Es384BitFlipped", "ES384", flipped(good("ES384"), 0));
    add("Es512BitFlipped", "ES512", flipped(good("ES512"), 131));
    add("Es512CutOff", "ES512", good("ES512").substr(0, 130));

    const std::string ed = good("EdDSA");
    add("EdOfAStranger", "EdDSA", Forger::ed25519().signature("EdDSA", text("EdDSA")));
    add("EdBitFlipped", "EdDSA", flipped(ed, 0));
    add("EdOfZeroes", "EdDSA", std::string(64, '\0'));
    add("EdCutOff", "EdDSA", ed.substr(0, 63));
    add("EdWithOneByteMore", "EdDSA", ed + '\0');
    add("EdEmpty", "EdDSA", "");
    return cases;
}

}  // namespace nexus::test
