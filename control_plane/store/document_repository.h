// Public documents fetched from providers and kept for all nexusd: discovery and JWKS, with what conditional
// requests need. Holds no secret.
#pragma once

#include <string>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Document {
    std::string url;
    std::string body;
    std::string etag;
    std::string last_modified;
    UnixMs fetched_at = 0;
    UnixMs fresh_until = 0;
};

namespace documents {

/// errors kNotFound
Result<Document> get(Executor &sql, std::string_view url);
Result<void> put(Executor &sql, const Document &document);

}  // namespace documents
}  // namespace nexus::control::store
