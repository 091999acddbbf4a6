// The UserInfo endpoint (OpenID Connect Core section 5.3): who the person is, asked with the access token. An
// answer about another `sub` than the id_token's is none (section 5.3.2: token substitution).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control_plane/http/http_client.h"
#include "control_plane/oidc/identity_claims.h"
#include "control_plane/oidc/settings.h"
#include "shared/jose/jwk_set.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct UserInfoRequest {
    std::string endpoint;
    std::string subject;  // the id_token's
    std::string client_id;
    IssuerSource source;                             // whose keys sign an application/jwt answer
    std::vector<std::string> accepted_algorithms{};  // of these signatures; empty = all
};

class UserInfo {
public:
    using Make = std::function<Result<HttpRequest>()>;
    /// Sends what `make` puts together: ClientFetch::send, which may have to send it twice.
    using Send = std::function<Result<HttpResponse>(const Make &make)>;

    /// Discovery::keys
    using Keys = std::function<Result<std::shared_ptr<const jose::JwkSet>>(const IssuerSource &,
                                                                           std::string_view kid)>;

    explicit UserInfo(Keys keys) : keys_(std::move(keys)) {}

    /// errors kProviderUnavailable (no answer, 5xx, 429), kProviderError (anything else that is no UserInfo
    ///        answer about this subject), kEgressDenied. `detail` is a code: "status_401", "other_subject",
    ///        ...
    Result<IdentityClaims> fetch(const Send &send, const UserInfoRequest &request,
                                 const Secret &access_token) const;

private:
    Result<json::Value> claims_of(const UserInfoRequest &request, const HttpResponse &response) const;
    Result<json::Value> signed_claims_of(const UserInfoRequest &request, std::string_view token) const;

    Keys keys_;
};

/// What both say; where they differ, UserInfo, which is newer. Their sub is the same.
IdentityClaims merged(IdentityClaims id_token, const IdentityClaims &userinfo);

}  // namespace nexus::control
