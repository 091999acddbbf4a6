// Who the account of a connection is, as its provider said it: one JSON object for each connection that has
// one. Personal data, no secret; goes with the connection's credentials.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Identity {
    std::string claims;  // JSON object: identity_claims.h
    UnixMs updated_at = 0;
};

namespace identities {

/// errors kNotFound
Result<Identity> get(Executor &sql, std::string_view connection_id);
/// Replaces what is there.
Result<void> put(Executor &sql, std::string_view connection_id, const Identity &identity);
/// None there is no error.
Result<void> erase(Executor &sql, std::string_view connection_id);

}  // namespace identities
}  // namespace nexus::control::store
