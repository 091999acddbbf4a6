// Who a connected account is: see account_identity.h.
#include "control_plane/services/connections/account_identity.h"

#include "control_plane/log/log.h"
#include "control_plane/store/identity_repository.h"

namespace nexus::control {

IdentityClaims with_userinfo(const UserInfo &userinfo, const ClientFetch &fetch, const OAuthClient &client,
                             const StoredCredentials &credentials, IdentityClaims verified,
                             std::string_view connection_id) {
    const Secret *access_token = credentials.find("access_token");
    if (client.userinfo_endpoint.empty() || access_token == nullptr) {
        return verified;
    }
    const UserInfoRequest request{client.userinfo_endpoint, verified.sub, client.client_id, client.source,
                                  client.oidc.accepted_algorithms};
    const Result<IdentityClaims> said = userinfo.fetch(
        [&](const UserInfo::Make &make) { return fetch.send(client, make); }, request, *access_token);
    if (!said) {
        log::warn("userinfo_refused",
                  {{"connection_id", connection_id},
                   {"reason", said.error().detail.empty() ? said.error().message : said.error().detail}});
        return verified;
    }
    return merged(std::move(verified), *said);
}

Result<void> store_identity(store::Transaction &sql, std::string_view connection_id,
                            const std::optional<IdentityClaims> &identity, UnixMs now) {
    return identity ? store::identities::put(sql, connection_id, {to_json(*identity).dump_text(), now})
                    : store::identities::erase(sql, connection_id);
}

}  // namespace nexus::control
