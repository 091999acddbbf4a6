// Rows of a Nexus Framework database (v0.1.5, after its 14 SQL files), as far as they are moved.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/secret.h"

namespace nexus::control::takeover {

struct ReferenceProvider {
    std::string id;
    std::string name;
    std::string auth_type;
    std::string auth_header;
    std::string client_id;
    Secret client_secret;
    std::string auth_url;
    std::string token_url;
    std::string issuer;
    bool enable_discovery = false;
    std::string scopes;  // JSON array of strings, "" = NULL
    std::string api_base_url;
    std::string user_info_endpoint;
    std::string params;  // JSON, "" = NULL
    std::string description;
    std::string category;
    bool deleted = false;
    bool in_use = false;  // has connections beyond pending
};

struct ReferenceConnection {
    std::string id;
    std::string workspace_id;
    std::string provider_id;
    std::string status;
    std::string scopes;      // JSON array of strings, "" = NULL
    std::string created_at;  // RFC 3339, like the other one; "" = NULL
    bool has_token = false;
    std::string sealed;  // "" while has_token: longer than any credentials are
    std::string token_expires_at;
    int64_t token_age_s = 0;
};

/// Sealed texts beyond this are not fetched.
inline constexpr int kMaxSealedBytes = 128 * 1024;

}  // namespace nexus::control::takeover
