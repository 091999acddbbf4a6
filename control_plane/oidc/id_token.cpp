// id_token verification: see id_token.h.
#include "control_plane/oidc/id_token.h"

#include "control_plane/oidc/token_hash.h"
#include "shared/encoding/base64.h"

namespace nexus::control {

namespace {

using Refusal = std::optional<IdTokenRefusal>;

constexpr int64_t kMaxNumericDate = 253'402'300'799;  // the end of the year 9999

Refusal check_issuer(const json::Value &claims, const IdTokenExpectation &expected) {
    if (!claims.contains("iss")) {
        return IdTokenRefusal::kIssuerMissing;
    }
    const json::Value iss = claims.get("iss");
    const bool is_pinned = !expected.issuer.empty() && iss.as_string() == expected.issuer;
    return is_pinned ? Refusal{} : IdTokenRefusal::kIssuer;
}

// aud is one string or an array of them.
Refusal check_audience(const json::Value &claims, std::string_view client_id) {
    if (!claims.contains("aud")) {
        return IdTokenRefusal::kAudienceMissing;
    }
    const json::Value aud = claims.get("aud");
    bool found = aud.as_string() == client_id;
    bool is_well_formed = aud.is_string() || aud.is_array();
    for (size_t i = 0; aud.is_array() && i < aud.size(); ++i) {
        const json::Value one = aud.at(i);
        is_well_formed = is_well_formed && one.is_string();
        found = found || one.as_string() == client_id;
    }
    if (!is_well_formed) {
        return IdTokenRefusal::kAudienceMalformed;
    }
    return found && !client_id.empty() ? Refusal{} : IdTokenRefusal::kAudience;
}

// azp must be us where it is given, and must be given where others are meant too.
Refusal check_authorized_party(const json::Value &claims, std::string_view client_id) {
    if (claims.contains("azp")) {
        const json::Value azp = claims.get("azp");
        return azp.as_string() == client_id ? Refusal{} : IdTokenRefusal::kAzp;
    }
    const json::Value aud = claims.get("aud");
    return aud.is_array() && aud.size() > 1 ? IdTokenRefusal::kAzpMissing : Refusal{};
}

// NumericDate may have a fraction (RFC 7519 section 2); whole seconds are what providers send, others are
// refused, as are text and what lies outside the calendar.
bool is_numeric_date(const json::Value &claim) {
    return claim.is_integer() && claim.as_integer() > 0 && claim.as_integer() <= kMaxNumericDate;
}

Refusal check_times(const json::Value &claims, int64_t now_s, int64_t skew_s) {
    const json::Value exp = claims.get("exp");
    const json::Value iat = claims.get("iat");
    const json::Value nbf = claims.get("nbf");
    if (!claims.contains("exp")) {
        return IdTokenRefusal::kExpMissing;
    }
    if (!claims.contains("iat")) {
        return IdTokenRefusal::kIatMissing;
    }
    const bool has_nbf = claims.contains("nbf");
    if (!is_numeric_date(exp) || !is_numeric_date(iat) || (has_nbf && !is_numeric_date(nbf)) ||
        exp.as_integer() <= iat.as_integer()) {
        return IdTokenRefusal::kTimeMalformed;
    }
    if (now_s - skew_s >= exp.as_integer()) {
        return IdTokenRefusal::kExpired;
    }
    if (iat.as_integer() > now_s + skew_s) {
        return IdTokenRefusal::kIssuedInFuture;
    }
    return has_nbf && nbf.as_integer() > now_s + skew_s ? IdTokenRefusal::kNotYetValid : Refusal{};
}

Refusal check_nonce(const json::Value &claims, const IdTokenExpectation &expected) {
    const bool is_given = claims.contains("nonce");
    if (!expected.nonce) {
        return is_given && !expected.is_refresh ? IdTokenRefusal::kNonceUnexpected : Refusal{};
    }
    if (!is_given) {
        return expected.is_refresh ? Refusal{} : IdTokenRefusal::kNonceMissing;
    }
    const json::Value nonce = claims.get("nonce");
    const bool is_ours = !expected.nonce->empty() && constant_time_equal(nonce.as_string(), *expected.nonce);
    return is_ours ? Refusal{} : IdTokenRefusal::kNonce;
}

Refusal check_subject(const json::Value &claims, const IdTokenExpectation &expected) {
    if (!claims.contains("sub")) {
        return IdTokenRefusal::kSubjectMissing;
    }
    const json::Value sub = claims.get("sub");
    if (!is_subject(sub.as_string())) {
        return IdTokenRefusal::kSubjectMalformed;
    }
    const bool is_other = !expected.subject.empty() && sub.as_string() != expected.subject;
    return is_other ? IdTokenRefusal::kSubjectChanged : Refusal{};
}

// Present is enough to be checked, though a token that comes through the back channel need not have it.
Refusal check_hash(const json::Value &claims, std::string_view name, std::string_view value,
                   const jose::SignatureAlgorithm &algorithm, IdTokenRefusal refusal) {
    if (value.empty() || !claims.contains(name)) {
        return {};
    }
    const json::Value claim = claims.get(name);
    const Result<std::string> hash = half_hash(value, algorithm);
    return hash && constant_time_equal(claim.as_string(), *hash) ? Refusal{} : refusal;
}

Refusal check_claims(const json::Value &claims, const jose::SignatureAlgorithm &algorithm,
                     const IdTokenExpectation &expected) {
    Refusal found = check_issuer(claims, expected);
    const auto then = [&](auto check) {
        if (!found) {
            found = check();
        }
    };
    then([&] { return check_audience(claims, expected.client_id); });
    then([&] { return check_authorized_party(claims, expected.client_id); });
    then([&] { return check_times(claims, expected.now / 1000, expected.clock_skew_s); });
    then([&] { return check_nonce(claims, expected); });
    then([&] { return check_subject(claims, expected); });
    then([&] {
        return check_hash(claims, "at_hash", expected.access_token, algorithm, IdTokenRefusal::kAtHash);
    });
    then([&] { return check_hash(claims, "c_hash", expected.code, algorithm, IdTokenRefusal::kCHash); });
    return found;
}

}  // namespace

Result<IdClaims> verify_id_token(std::string_view token, const jose::JwkSet &keys,
                                 const IdTokenExpectation &expected) {
    return parse_jose_header(token, expected.algorithms).and_then([&](const jose::JoseHeader &header) {
        return verify_id_token(token, header, keys, expected);
    });
}

Result<IdClaims> verify_id_token(std::string_view token, const jose::JoseHeader &header,
                                 const jose::JwkSet &keys, const IdTokenExpectation &expected) {
    const Result<json::Value> claims = signed_claims(token, header, keys);
    if (!claims) {
        return fail(claims.error());
    }
    if (const Refusal refusal = check_claims(*claims, *header.algorithm, expected)) {
        return refused(*refusal);
    }
    IdentityClaims identity = identity_claims_from(*claims);
    return IdClaims{identity.sub, std::move(identity)};
}

std::optional<std::string> nonce_of_kept_id_token(std::string_view token) {
    const size_t first = token.find('.');
    const size_t second = token.find('.', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos) {
        return std::nullopt;
    }
    const Result<std::string> payload =
        encoding::base64url_decode(token.substr(first + 1, second - first - 1));
    const Result<json::Value> claims = payload ? json::parse_object(*payload) : fail(payload.error());
    if (!claims || !claims->get("nonce").is_string()) {
        return std::nullopt;
    }
    return std::string{claims->get("nonce").as_string()};
}

}  // namespace nexus::control
