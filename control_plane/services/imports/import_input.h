// One connection as POST /connections/import names it: members checked, and credentials read the way the
// provider's type wants them. What is stored, and what becomes of an id that is taken, is import_service.h's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/store/provider_repository.h"
#include "shared/clock.h"
#include "shared/connection/state.h"
#include "shared/result.h"

namespace nexus::control {

struct ImportItem {
    std::string provider_id;    // lower case; or
    std::string provider_name;  // exactly one of the two
    std::string workspace_id;   // "" = the key's own
    std::string user_id;
    std::string id;  // lower case; "" = a new one
    std::optional<std::vector<std::string>> scopes;
    std::optional<std::string> labels;
    connection::State state = connection::State::kActive;
    std::string reason;       // of attention and failed
    UnixMs created_at = 0;    // 0 = now
    json::Value credentials;  // null = none
    bool replace = false;
};

/// credentials must be there for active, may be for attention, must not for failed and expired.
/// errors kMissingFields, kInvalidRequest, kInvalidProviderId, kInvalidConnectionId; never a value
Result<ImportItem> parse_import_item(const json::Value &object, UnixMs now);

struct ImportedCredentials {
    StoredCredentials stored;
    UnixMs expires_at = 0;            // 0 = does not expire
    bool says_when = false;           // the end was named as a time, which does not move with the clock
    std::vector<std::string> scopes;  // of the token's `scope`
    std::vector<std::string> left_out;
};

/// oauth2: access_token, token_type?, refresh_token?, scope?, expires_at? (RFC 3339) or expires_in? (seconds
/// from now), id_token?. The id_token is left out: nobody has verified it. Other types: as a person would
/// type them in. errors kMissingFields, kInvalidRequest: name the member, never a value
Result<ImportedCredentials> read_imported_credentials(const store::Provider &provider,
                                                      const json::Value &credentials, UnixMs now);

}  // namespace nexus::control
