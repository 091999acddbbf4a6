// The free-form `params` of a profile (reference 1.6 and 1.8): which members mean what.
//   oauth2   skip_scope_on_auth, skip_scope_on_exchange (booleans); every other string member is an extra
//   parameter of
//            the authorization URL
//   static   credential_schema; auth_strategy {type, config{}}; or the strategy's config members themselves
//   Its sibling, the `oauth` member, is oauth/profile.h's.
#pragma once

#include "control_plane/json/json.h"
#include "control_plane/store/provider_repository.h"
#include "shared/result.h"

namespace nexus::control {

/// The stored params; an empty object if they are unreadable.
json::Value params_of(const store::Provider &provider);

/// errors kInvalidRequest: names the member
Result<void> check_params(const store::Provider &provider);

}  // namespace nexus::control
