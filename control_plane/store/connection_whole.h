// A connection with what it takes to hand out its token: its provider and its sealed credentials, read by one
// statement and so as they were at one moment.
#pragma once

#include <optional>
#include <string_view>

#include "control_plane/store/connection_repository.h"
#include "control_plane/store/provider_repository.h"
#include "control_plane/store/token_repository.h"

namespace nexus::control::store {

/// Filled as far as a token record needs it, since every column costs; the rest of the members are as in an
/// object just made. Connection: id, workspace, provider, state, generation, scopes, reason, variables, token
/// version, request rules, times of expiry, refresh and deletion. Provider: id, name, auth type and header, params, oauth,
/// base URL, allowed hosts, whether it is deleted.
struct ConnectionWhole {
    Connection connection;
    Provider provider;           // also a deleted one
    std::optional<Token> token;  // nullopt: no credential yet
};

namespace connections {

/// errors kConnectionNotFound
Result<ConnectionWhole> get_whole(Executor &sql, std::string_view id);

}  // namespace connections
}  // namespace nexus::control::store
