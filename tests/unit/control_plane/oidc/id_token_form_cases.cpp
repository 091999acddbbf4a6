// Texts that are no compact JWS in its one form, though some are signed as they stand.
#include "shared/encoding/base64.h"
#include "tests/unit/control_plane/oidc/id_token_cases.h"

namespace nexus::test {

namespace {

using enum IdTokenRefusal;

struct Parts {
    std::string header, payload, signature;
    std::string joined() const { return header + "." + payload + "." + signature; }
};

Parts good_parts() {
    const std::string token = token_of(Claims());
    const size_t first = token.find('.');
    const size_t second = token.rfind('.');
    return {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

// Signs the parts as they are written, so that the form alone is what is wrong.
std::string signed_as_written(const std::string &header, const std::string &payload) {
    const std::string text = header + "." + payload;
    return text + "." + encoding::base64url_encode(provider_keys().r1.signature("RS256", text));
}

// The next character of the alphabet: the same byte, with bits that say nothing set. `text` must leave such
// bits.
std::string with_stray_bits(std::string text) {
    text.back() = static_cast<char>(text.back() + 1);
    return text;
}

// A JSON text of such a length that its base64url ends in stray bits.
std::string padded_json(std::string json) {
    json.insert(1, std::string((4 - json.size() % 3) % 3, ' '));
    return json;
}

}  // namespace

RefusalCases form_cases() {
    const Parts good = good_parts();
    const std::string header = encoding::base64url_encode(padded_json(header_of("RS256", "r1")));
    const std::string payload = encoding::base64url_encode(padded_json(Claims().json()));
    const std::string plus_header = encoding::base64_encode(R"({"alg":"RS256","kid":"r1","x":"~~~"})");
    return {
        {"Empty", kMalformed, ""},
        {"OneWord", kMalformed, "token"},
        {"OneDot", kMalformed, "."},
        {"TwoDotsAlone", kHeaderMalformed, ".."},
        {"HeaderAlone", kMalformed, good.header},
        {"NoSignaturePart", kMalformed, good.header + "." + good.payload},
        {"FourParts", kMalformed, good.joined() + ".AAAA"},
        {"SixParts", kMalformed, good.joined() + ".A.A.A"},
        {"EncryptedFiveParts", kEncrypted, good.joined() + ".AAAA.AAAA"},
        {"HeaderMissing", kHeaderMalformed, "." + good.payload + "." + good.signature},
        {"LeadingBlank", kMalformed, " " + good.joined()},
        {"TrailingNewline", kMalformed, good.joined() + "\n"},
        {"TrailingNul", kMalformed, good.joined() + std::string(1, '\0')},
        {"BearerPrefix", kMalformed, "Bearer " + good.joined()},
        {"JsonSerialization", kMalformed,
         R"({"payload":")" + good.payload + R"(","signature":")" + good.signature + "\"}"},
        {"HeaderPadded", kMalformed, signed_as_written(header + "=", good.payload)},
        {"HeaderOfStandardAlphabet", kMalformed, signed_as_written(plus_header, good.payload)},
        {"HeaderWithNewline", kMalformed, signed_as_written(good.header + "\n", good.payload)},
        {"HeaderOfImpossibleLength", kMalformed, signed_as_written("eyJhb", good.payload)},
        {"HeaderWithStrayBits", kMalformed, signed_as_written(with_stray_bits(header), good.payload)},
        {"HeaderPercentEncoded", kMalformed, "%65" + good.joined()},
        {"PayloadPadded", kMalformed, signed_as_written(good.header, payload + "=")},
        {"PayloadWithBlank", kMalformed, signed_as_written(good.header, payload + " ")},
        {"PayloadWithStrayBits", kMalformed, signed_as_written(good.header, with_stray_bits(payload))},
        {"PayloadOfImpossibleLength", kMalformed, signed_as_written(good.header, good.payload.substr(0, 5))},
        {"PayloadWithNul", kMalformed, signed_as_written(good.header, payload + std::string(1, '\0'))},
        {"SignaturePadded", kMalformed, good.joined() + "=="},
        {"SignatureWithTab", kMalformed, good.joined() + "\t"},
        {"SignatureWithStrayBits", kMalformed,
         good.header + "." + good.payload + "." + with_stray_bits(good.signature)},
        {"SignatureOfImpossibleLength", kMalformed, good.header + "." + good.payload + ".AAAAA"},
        {"TooLarge", kTooLarge, token_of(Claims().text("more", std::string(control::kMaxIdTokenBytes, 'a')))},
        {"HugeWithoutDots", kTooLarge, std::string(control::kMaxIdTokenBytes + 1, 'a')},
        {"HeaderTooLarge", kTooLarge,
         token_under(R"({"alg":"RS256","kid":"r1","x":")" + std::string(control::kMaxJoseHeaderBytes, 'a') +
                     "\"}")},
    };
}

}  // namespace nexus::test
