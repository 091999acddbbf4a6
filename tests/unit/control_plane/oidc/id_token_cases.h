// The table of id_tokens that must be refused, each with its reason. Split over files by what is wrong with
// them; id_token_refusal_test.cpp runs them all.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control_plane/oidc/id_token.h"
#include "tests/unit/control_plane/oidc/forger.h"

namespace nexus::test {

using control::IdTokenExpectation;
using control::IdTokenRefusal;

inline constexpr int64_t kNowS = 1'800'000'000;

struct RefusalCase {
    std::string name;  // of letters and digits
    IdTokenRefusal reason;
    std::string token;
    std::string keys = "";  // a JWK Set; "" = the provider's
    std::function<void(IdTokenExpectation &)> adjust = {};
};
using RefusalCases = std::vector<RefusalCase>;

/// The provider's keys, one of each kind and without `alg`: kids r1, e1, e3, e5, o1.
struct ProviderKeys {
    Forger r1 = Forger::rsa();
    Forger e1 = Forger::ec("P-256");
    Forger e3 = Forger::ec("P-384");
    Forger e5 = Forger::ec("P-521");
    Forger o1 = Forger::ed25519();
    Forger stranger = Forger::rsa();  // not the provider's

    std::string set() const;
    const Forger &of(std::string_view alg) const;
    static std::string kid_of(std::string_view alg);
};
const ProviderKeys &provider_keys();
std::string set_of(const std::vector<std::string> &jwks);

/// Claims of a good token; changed one by one. Values are JSON.
class Claims {
public:
    Claims();
    Claims &set(const std::string &name, const std::string &json);
    Claims &text(const std::string &name, const std::string &value) { return set(name, '"' + value + '"'); }
    Claims &number(const std::string &name, int64_t value) { return set(name, std::to_string(value)); }
    Claims &drop(const std::string &name);
    std::string json() const;

private:
    std::vector<std::pair<std::string, std::string>> members_;
};

/// What good tokens meet.
IdTokenExpectation expectation();
std::string header_of(std::string_view alg, const std::string &kid);
/// A good signature over these claims.
std::string token_of(const Claims &claims, std::string_view alg = "RS256");
std::string token_of_payload(const std::string &payload);
/// A good RS256 signature under any header.
std::string token_under(const std::string &header);

RefusalCases form_cases();
RefusalCases header_cases();
RefusalCases key_cases();
RefusalCases signature_cases();
RefusalCases payload_cases();
RefusalCases claims_cases();
RefusalCases times_cases();
RefusalCases provider_cases();

}  // namespace nexus::test
