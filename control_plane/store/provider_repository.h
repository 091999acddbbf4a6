// Provider profiles in SQL. Secrets arrive sealed; validation is the services' business.
#pragma once

#include <string>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Provider {
    std::string id;  // UUID
    std::string name;
    std::string auth_type = "oauth2";
    std::string auth_header;
    std::string client_id;
    std::string
        client_secret_box;  // sealed; "" = none. Place: provider_profiles, id, client_secret, secret_version
    int64_t client_secret_version = 0;
    std::string client_secret_key_id;  // hex id of the vault key that sealed the box; read only: writes take
                                       // it off the box
    std::string auth_url;
    std::string token_url;
    std::string issuer;
    bool enable_discovery = false;
    std::vector<std::string> scopes;
    std::string api_base_url;
    std::string user_info_endpoint;
    std::string params = "{}";  // JSON object
    std::string oauth = "{}";   // JSON object: how its OAuth departs from the standard
    std::string oidc = "{}";    // JSON object: what it says about OpenID Connect (oidc/settings.h)
    std::vector<std::string> allowed_hosts;
    std::string description;
    std::string category;
    int64_t revision = 1;  // grows with each replace
    UnixMs created_at = 0;
    UnixMs updated_at = 0;
    UnixMs deleted_at = 0;  // 0 = lives
};

struct ProviderPage {
    std::vector<Provider> items;
    std::string next_cursor;  // "" = that was all
};

namespace providers {

/// errors kProviderExists
Result<void> create(Executor &sql, const Provider &provider);
/// Living profiles only. errors kProviderNotFound
Result<Provider> get(Executor &sql, std::string_view id);
/// Deleted ones too: tokens of their connections are still described by them. errors kProviderNotFound
Result<Provider> get_any(Executor &sql, std::string_view id);
/// Exact name, else the one name that equals it without regard to case. errors kProviderNotFound,
/// kProviderAmbiguous
Result<Provider> get_by_name(Executor &sql, std::string_view name);
/// Ordered by name. limit 1..1000; cursor "" = from the start. errors kInvalidRequest (cursor)
Result<ProviderPage> list(Executor &sql, int64_t limit, std::string_view cursor);
/// Writes all but id, created_at and deleted_at where the revision still is `expected_revision`; the stored
/// revision becomes expected_revision + 1. errors kProviderNotFound, kConflict (changed underneath),
/// kProviderExists (name)
Result<void> replace(Executor &sql, const Provider &provider, int64_t expected_revision);
/// errors kProviderNotFound
Result<void> soft_delete(Executor &sql, std::string_view id, UnixMs now);

}  // namespace providers
}  // namespace nexus::control::store
