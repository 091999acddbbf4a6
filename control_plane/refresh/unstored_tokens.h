// Tokens that a provider gave while the database was away. The refresh token in them exists nowhere else: the
// next refresh of the connection stores what is kept here, instead of sending one that the provider has
// replaced.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/store/connection_repository.h"

namespace nexus::control {

struct Unstored {
    int64_t generation = 0;  // of the row, and version of its token, that they follow
    int64_t token_version = 0;
    StoredCredentials credentials;
    store::ConnectionChange change;
};

/// Bounded; in this process only.
class UnstoredTokens {
public:
    static constexpr size_t kMaxEntries = 10000;

    void keep(const std::string &connection_id, Unstored tokens);
    bool contains(const std::string &connection_id);
    /// Forgets them. returns nullopt if there are none, or the row has moved on without them
    std::optional<Unstored> take(const std::string &connection_id, int64_t generation, int64_t token_version);

private:
    std::mutex mutex_;
    std::map<std::string, Unstored> entries_;
};

}  // namespace nexus::control
