// What the refusals' cases are made of: see id_token_cases.h.
#include "tests/unit/control_plane/oidc/id_token_cases.h"

#include <algorithm>

namespace nexus::test {

std::string set_of(const std::vector<std::string> &jwks) {
    std::string out;
    for (const std::string &jwk : jwks) {
        out += (out.empty() ? "" : ",") + jwk;
    }
    return R"({"keys":[)" + out + "]}";
}

std::string ProviderKeys::set() const {
    return set_of({r1.jwk("r1"), e1.jwk("e1"), e3.jwk("e3"), e5.jwk("e5"), o1.jwk("o1")});
}

const Forger &ProviderKeys::of(std::string_view alg) const {
    if (alg == "EdDSA") {
        return o1;
    }
    return alg == "ES256" ? e1 : alg == "ES384" ? e3 : alg == "ES512" ? e5 : r1;
}

std::string ProviderKeys::kid_of(std::string_view alg) {
    if (alg == "EdDSA") {
        return "o1";
    }
    return alg == "ES256" ? "e1" : alg == "ES384" ? "e3" : alg == "ES512" ? "e5" : "r1";
}

const ProviderKeys &provider_keys() {
    static const ProviderKeys keys;
    return keys;
}

Claims::Claims() {
    text("iss", "https://idp.example").text("sub", "alice").text("aud", "client-1");
    number("exp", kNowS + 300).number("iat", kNowS).text("nonce", "nonce-1");
}

Claims &Claims::set(const std::string &name, const std::string &json) {
    auto known = std::find_if(members_.begin(), members_.end(),
                              [&](const auto &member) { return member.first == name; });
    if (known != members_.end()) {
        known->second = json;
    } else {
        members_.emplace_back(name, json);
    }
    return *this;
}

Claims &Claims::drop(const std::string &name) {
    std::erase_if(members_, [&](const auto &member) { return member.first == name; });
    return *this;
}

std::string Claims::json() const {
    std::string out;
    for (const auto &[name, value] : members_) {
        out += (out.empty() ? "\"" : ",\"") + name + "\":" + value;
    }
    return "{" + out + "}";
}

IdTokenExpectation expectation() {
    return {"https://idp.example", "client-1", "nonce-1", kNowS * 1000};
}

std::string header_of(std::string_view alg, const std::string &kid) {
    return R"({"alg":")" + std::string{alg} + R"(","kid":")" + kid + R"(","typ":"JWT"})";
}

std::string token_of(const Claims &claims, std::string_view alg) {
    return provider_keys().of(alg).token(alg, header_of(alg, ProviderKeys::kid_of(alg)), claims.json());
}

std::string token_of_payload(const std::string &payload) {
    return provider_keys().r1.token("RS256", header_of("RS256", "r1"), payload);
}

std::string token_under(const std::string &header) {
    return provider_keys().r1.token("RS256", header, Claims().json());
}

}  // namespace nexus::test
