// Sealed credentials of connections, one row each. What is inside the box is the services' business.
#pragma once

#include <string>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct Token {
    std::string connection_id;
    std::string box;      // sealed. Place: tokens, connection_id, credentials, version
    int64_t version = 1;  // grows with each write
    UnixMs updated_at = 0;
    int64_t newest_version = 1;  // what the connection's row says it must be; read with the box, in one look
};

namespace tokens {

/// errors kTokenUnavailable (no row)
Result<Token> get(Executor &sql, std::string_view connection_id);
/// The version to seal the next box with: the connection's token_version + 1. errors kConnectionNotFound
Result<int64_t> next_version(Executor &sql, std::string_view connection_id);
/// Writes the box of the connection's next version, and that version into the connection's row: a box of
/// another version beside it was put back by somebody. Before the change of the connection, in its
/// transaction. errors kConflict (somebody else wrote)
Result<void> put(Transaction &sql, const Token &token);
/// No row is no error.
Result<void> erase(Executor &sql, std::string_view connection_id);

}  // namespace tokens
}  // namespace nexus::control::store
