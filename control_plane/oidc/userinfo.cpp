// UserInfo: see userinfo.h.
#include "control_plane/oidc/userinfo.h"

#include "control_plane/json/json.h"
#include "control_plane/oidc/jws.h"
#include "shared/http1/syntax.h"

namespace nexus::control {

namespace {

constexpr std::chrono::milliseconds kTimeout{5000};  // a person waits for the end of the flow
constexpr size_t kMaxBytes = 64 * 1024;

tl::unexpected<Error> unusable(std::string code, Errc errc = Errc::kProviderError) {
    return fail(errc, "the provider's UserInfo answer is of no use: " + code, code);
}

// Without its parameters.
bool has_media_type(const HttpResponse &response, std::string_view wanted) {
    std::string_view type = response.header("content-type");
    type = type.substr(0, type.find_first_of("; \t"));
    return http1::equal_ignoring_case(type, wanted);
}

bool is_for(const json::Value &aud, std::string_view client_id) {
    if (aud.is_string()) {
        return aud.as_string() == client_id;
    }
    for (size_t i = 0; aud.is_array() && i < aud.size(); ++i) {
        if (aud.at(i).as_string() == client_id) {
            return true;
        }
    }
    return false;
}

}  // namespace

Result<IdentityClaims> UserInfo::fetch(const Send &send, const UserInfoRequest &request,
                                       const Secret &access_token) const {
    const Result<HttpResponse> response = send([&]() -> Result<HttpRequest> {
        HttpRequest asked;
        asked.url = request.endpoint;
        asked.provider = request.source.provider;
        asked.headers = {{"Accept", "application/json, application/jwt"}};
        asked.bearer_token = access_token.clone();
        asked.total_timeout = kTimeout;
        return asked;
    });
    if (!response) {
        return fail(response.error());
    }
    if (response->status != 200) {
        const bool is_passing = response->status >= 500 || response->status == 429;
        return unusable("status_" + std::to_string(response->status),
                        is_passing ? Errc::kProviderUnavailable : Errc::kProviderError);
    }
    const Result<json::Value> claims = claims_of(request, *response);
    if (!claims) {
        return fail(claims.error());
    }
    IdentityClaims out = identity_claims_from(*claims);
    if (out.sub.empty()) {
        return unusable("no_subject");
    }
    if (out.sub != request.subject) {
        return unusable("other_subject");
    }
    return out;
}

Result<json::Value> UserInfo::claims_of(const UserInfoRequest &request, const HttpResponse &response) const {
    if (response.body.size() > kMaxBytes) {
        return unusable("too_large");
    }
    if (has_media_type(response, "application/jwt")) {
        return signed_claims_of(request, response.body.view());
    }
    if (!has_media_type(response, "application/json")) {
        return unusable("content_type");
    }
    Result<json::Value> claims = json::parse_object(response.body.view());
    return claims ? std::move(claims) : unusable("malformed");
}

// Section 5.3.2: a signed answer says for whom it is and who says so; times are not among what it must have.
Result<json::Value> UserInfo::signed_claims_of(const UserInfoRequest &request, std::string_view token) const {
    const Result<jose::JoseHeader> header = parse_jose_header(token, request.accepted_algorithms);
    if (!header) {
        return unusable(header.error().detail);
    }
    const Result<std::shared_ptr<const jose::JwkSet>> keys = keys_(request.source, header->kid);
    if (!keys) {
        return fail(keys.error());
    }
    Result<json::Value> claims = signed_claims(token, *header, **keys);
    if (!claims) {
        return unusable(claims.error().detail);
    }
    if (claims->get("iss").as_string() != request.source.issuer) {
        return unusable("issuer");
    }
    if (!is_for(claims->get("aud"), request.client_id)) {
        return unusable("audience");
    }
    return claims;
}

IdentityClaims merged(IdentityClaims id_token, const IdentityClaims &userinfo) {
    const auto take = [](auto &into, const auto &from) {
        if (from) {
            into = from;
        }
    };
    take(id_token.email, userinfo.email);
    // Verified or not is said of one address: it never comes without its own.
    id_token.email_verified = userinfo.email ? userinfo.email_verified : id_token.email_verified;
    take(id_token.name, userinfo.name);
    take(id_token.given_name, userinfo.given_name);
    take(id_token.family_name, userinfo.family_name);
    take(id_token.picture, userinfo.picture);
    take(id_token.locale, userinfo.locale);
    take(id_token.hd, userinfo.hd);
    take(id_token.tenant, userinfo.tenant);
    return id_token;
}

}  // namespace nexus::control
