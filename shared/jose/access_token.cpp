// Verifying callers' JWTs: see access_token.h.
#include "shared/jose/access_token.h"

#include <algorithm>
#include <array>
#include <optional>

#include "shared/caller/identity.h"
#include "shared/encoding/base64.h"
#include "shared/jose/json.h"

namespace nexus::jose {

namespace {

using Refused = std::optional<Refusal>;

constexpr int64_t kMaxNumericDate = 253'402'300'799;  // the end of the year 9999
constexpr std::array<std::string_view, 2> kTypes{"at+jwt", "jwt"};

tl::expected<JsonPtr, Refusal> read_part(std::string_view part, Refusal malformed, Refusal duplicate) {
    Result<std::string> text = encoding::base64url_decode(part);
    if (!text) {
        return tl::unexpected(Refusal::kMalformed);
    }
    JsonFault fault{};
    JsonPtr object = parse_object(*text, fault);
    if (object == nullptr) {
        return tl::unexpected(fault == JsonFault::kDuplicateMember ? duplicate : malformed);
    }
    return object;
}

tl::expected<JsonPtr, Refusal> read_payload(const CompactParts &parts) {
    return read_part(parts.payload, Refusal::kPayloadMalformed, Refusal::kPayloadDuplicateMember);
}

tl::expected<JoseHeader, Refusal> read_header(const CompactParts &parts,
                                              std::span<const std::string> accepted) {
    const tl::expected<JsonPtr, Refusal> object =
        read_part(parts.header, Refusal::kHeaderMalformed, Refusal::kHeaderDuplicateMember);
    return object ? read_jose_header(object->get(), accepted, kTypes) : tl::unexpected(object.error());
}

Refused check_issuer(const json_t *claims, std::string_view issuer) {
    if (!contains(claims, "iss")) {
        return Refusal::kIssuerMissing;
    }
    return !issuer.empty() && text_of(claims, "iss") == issuer ? Refused{} : Refusal::kIssuer;
}

// aud is one string or an array of them.
Refused check_audience(const json_t *claims, const std::vector<std::string> &ours) {
    const json_t *aud = json_object_get(claims, "aud");
    if (aud == nullptr) {
        return Refusal::kAudienceMissing;
    }
    const auto is_ours = [&](const json_t *one) {
        return json_is_string(one) && std::find(ours.begin(), ours.end(), text_of(one)) != ours.end();
    };
    bool is_well_formed = json_is_string(aud) || json_is_array(aud);
    bool found = is_ours(aud);
    for (size_t i = 0; i < json_array_size(aud); ++i) {
        const json_t *one = json_array_get(aud, i);
        is_well_formed = is_well_formed && json_is_string(one);
        found = found || is_ours(one);
    }
    if (!is_well_formed) {
        return Refusal::kAudienceMalformed;
    }
    return found ? Refused{} : Refusal::kAudience;
}

// NumericDate may have a fraction (RFC 7519 section 2); whole seconds are what issuers send, others are
// refused, as are text and what lies outside the calendar.
std::optional<int64_t> numeric_date(const json_t *claims, const char *name) {
    const json_t *claim = json_object_get(claims, name);
    const int64_t date = json_integer_value(claim);
    return json_is_integer(claim) && date > 0 && date <= kMaxNumericDate ? std::optional{date} : std::nullopt;
}

bool is_malformed_date(const json_t *claims, const char *name) {
    return contains(claims, name) && !numeric_date(claims, name);
}

Refused check_times(const json_t *claims, const AccessTokenPolicy &policy, int64_t now_s,
                    int64_t &expires_at_s) {
    if (!contains(claims, "exp")) {
        return Refusal::kExpMissing;
    }
    const std::optional<int64_t> exp = numeric_date(claims, "exp");
    const std::optional<int64_t> iat = numeric_date(claims, "iat");
    const std::optional<int64_t> nbf = numeric_date(claims, "nbf");
    if (!exp || is_malformed_date(claims, "iat") || is_malformed_date(claims, "nbf") ||
        (iat && *exp <= *iat)) {
        return Refusal::kTimeMalformed;
    }
    if (policy.max_age_s > 0 && !iat) {
        return Refusal::kIatMissing;
    }
    expires_at_s = *exp + policy.leeway_s;
    if (now_s >= expires_at_s) {
        return Refusal::kExpired;
    }
    if (nbf && *nbf > now_s + policy.leeway_s) {
        return Refusal::kNotYetValid;
    }
    if (iat && *iat > now_s + policy.leeway_s) {
        return Refusal::kIssuedInFuture;
    }
    if (policy.max_age_s > 0) {
        const int64_t too_old_at_s = *iat + policy.max_age_s + policy.leeway_s;
        if (now_s >= too_old_at_s) {
            return Refusal::kTooOld;
        }
        expires_at_s = std::min(expires_at_s, too_old_at_s);
    }
    return {};
}

Refused check_subject(const json_t *claims) {
    if (!contains(claims, "sub")) {
        return Refusal::kSubjectMissing;
    }
    return caller::is_subject(text_of(claims, "sub")) ? Refused{} : Refusal::kSubjectMalformed;
}

tl::expected<AccessToken, Refusal> judge(const json_t *claims, const AccessTokenPolicy &policy,
                                         int64_t now_s) {
    AccessToken out;
    Refused refused = check_issuer(claims, policy.issuer);
    refused = refused ? refused : check_audience(claims, policy.audiences);
    refused = refused ? refused : check_times(claims, policy, now_s, out.expires_at_s);
    refused = refused ? refused : check_subject(claims);
    if (refused) {
        return tl::unexpected(*refused);
    }
    out.subject = text_of(claims, "sub");
    return out;
}

}  // namespace

tl::expected<UnverifiedToken, Refusal> read_unverified(std::string_view token) {
    const auto parts = split_compact(token, kMaxAccessTokenBytes);
    if (!parts) {
        return tl::unexpected(parts.error());
    }
    const auto header = read_header(*parts, {});
    if (!header) {
        return tl::unexpected(header.error());
    }
    const auto claims = read_payload(*parts);
    if (!claims) {
        return tl::unexpected(claims.error());
    }
    const std::string_view issuer = text_of(claims->get(), "iss");
    if (!caller::is_issuer(issuer)) {
        return tl::unexpected(contains(claims->get(), "iss") ? Refusal::kIssuer : Refusal::kIssuerMissing);
    }
    return UnverifiedToken{std::string{issuer}, header->kid};
}

tl::expected<AccessToken, Refusal> verify_access_token(std::string_view token,
                                                       const AccessTokenPolicy &policy, const JwkSet &keys,
                                                       int64_t now_s) {
    const auto parts = split_compact(token, kMaxAccessTokenBytes);
    if (!parts) {
        return tl::unexpected(parts.error());
    }
    if (policy.algorithms.empty()) {
        return tl::unexpected(Refusal::kAlgNotAccepted);
    }
    const auto header = read_header(*parts, policy.algorithms);
    if (!header) {
        return tl::unexpected(header.error());
    }
    const auto key = keys.choose(header->kid, *header->algorithm);
    if (!key) {
        return tl::unexpected(key.error());
    }
    const Result<std::string> signature = encoding::base64url_decode(parts->signature);
    if (!signature) {
        return tl::unexpected(Refusal::kMalformed);
    }
    if (!verify_signature(**key, *header->algorithm, parts->signed_text, *signature)) {
        return tl::unexpected(Refusal::kSignature);
    }
    const auto claims = read_payload(*parts);
    return claims ? judge(claims->get(), policy, now_s) : tl::unexpected(claims.error());
}

}  // namespace nexus::jose
