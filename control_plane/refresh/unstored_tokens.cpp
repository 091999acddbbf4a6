// Tokens that could not be stored yet: see unstored_tokens.h.
#include "control_plane/refresh/unstored_tokens.h"

namespace nexus::control {

void UnstoredTokens::keep(const std::string &connection_id, Unstored tokens) {
    std::lock_guard lock(mutex_);
    if (entries_.size() < kMaxEntries) {
        entries_.insert_or_assign(connection_id, std::move(tokens));
    }
}

bool UnstoredTokens::contains(const std::string &connection_id) {
    std::lock_guard lock(mutex_);
    return entries_.contains(connection_id);
}

std::optional<Unstored> UnstoredTokens::take(const std::string &connection_id, int64_t generation,
                                             int64_t token_version) {
    std::lock_guard lock(mutex_);
    auto found = entries_.find(connection_id);
    if (found == entries_.end()) {
        return std::nullopt;
    }
    Unstored tokens = std::move(found->second);
    entries_.erase(found);
    bool follows = tokens.generation == generation && tokens.token_version == token_version;
    return follows ? std::optional<Unstored>{std::move(tokens)} : std::nullopt;
}

}  // namespace nexus::control
