// A reference connection and its opened credentials as an item of POST /connections/import.
#pragma once

#include <string>
#include <vector>

#include "control_plane/json/json.h"
#include "control_plane/takeover/provider_mapping.h"
#include "control_plane/takeover/reference_rows.h"
#include "shared/secret.h"

namespace nexus::control::takeover {

struct MapOptions {
    std::string workspace;         // "" = each its own, as there
    bool retry_attention = false;  // attention with a refresh token becomes active: the provider decides
};

struct MappedConnection {
    enum class Kind : uint8_t { kItem, kSkipped, kRefused };
    Kind kind = Kind::kItem;
    std::string reason;  // of skipped and refused; no secret
    json::Value item;    // holds the credentials
    std::vector<std::string> notes;
};

/// Does the connection's state want credentials? Then `opened` is read, or its error makes a refusal.
bool wants_credentials(const ReferenceConnection &connection);

/// workspace_id there is what its gateway calls user_id, so it becomes the user_id here in any case.
/// opened  the plain text of its token row; kInvalidRequest stands for "there is none"
MappedConnection map_connection(const ReferenceConnection &connection, const ReferenceProvider &provider,
                                const Result<Secret> &opened, const MapOptions &options);

}  // namespace nexus::control::takeover
