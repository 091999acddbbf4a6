// A provider profile as users write it: parsed strictly, checked as a whole, rendered without its secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/services/credentials/strategy_config.h"
#include "control_plane/store/provider_repository.h"
#include "control_plane/url/url.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

struct ProfileInput {
    store::Provider provider;  // id, secret box, revision and times are the service's
    std::optional<Secret> client_secret;
};

/// The profile without what a GET says and nobody can set, so that clients may send back what they got:
/// client_secret_set, created_at, updated_at, and an id that is the provider's own, empty or nil.
/// id  of the provider; "" = there is none yet
json::Value settable_profile(const json::Value &profile, std::string_view id);

/// profile        settable_profile's: reference 1.3 and 1.8, and allowed_hosts[]
/// secret_stored  a replacement may leave client_secret out: the stored one stays
/// errors  kMissingFields, kInvalidRequest (names the member), kUnsupportedAuthType
Result<ProfileInput> parse_profile(const json::Value &profile, bool secret_stored);

/// The profile as one would write it, whole but for the client secret: what a PATCH is laid over.
json::Value writable_profile(const store::Provider &provider);

/// Everything but the client secret; `client_secret_set` says whether there is one.
json::Value profile_to_json(const store::Provider &provider);

bool is_provider_name(std::string_view name) noexcept;     // [a-z0-9-]+, at most 255
bool is_static_auth_type(std::string_view type) noexcept;  // credentials typed in by a person

/// Extra parameters of the authorization URL: the string members of params (oauth2).
QueryParams authorization_extras(const store::Provider &provider);
/// params.skip_scope_on_auth
bool skips_scope_on_auth(const store::Provider &provider);

/// allowed_hosts, or host:port of api_base_url; empty = the credential goes nowhere by itself.
/// api_base_url  as it is for the connection, {variables} filled in
std::vector<std::string> allowed_hosts_of(const store::Provider &provider, std::string_view api_base_url);

}  // namespace nexus::control
