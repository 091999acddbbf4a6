// Who a connected account is, beyond what its id_token said (docs/decisions/0037).
#pragma once

#include <string_view>

#include "control_plane/oauth/client_fetch.h"
#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/oidc/userinfo.h"

namespace nexus::control {

/// What the verified id_token said, with UserInfo's answer laid over it. An answer that is of no use is left
/// out and logged; where the provider has no such endpoint, none is asked for.
IdentityClaims with_userinfo(const UserInfo &userinfo, const ClientFetch &fetch, const OAuthClient &client,
                             const StoredCredentials &credentials, IdentityClaims verified,
                             std::string_view connection_id);

/// Replaces what was known; without an identity, by nothing.
Result<void> store_identity(store::Transaction &sql, std::string_view connection_id,
                            const std::optional<IdentityClaims> &identity, UnixMs now);

}  // namespace nexus::control
