// See connection_watch.h.
#include "control_plane/http/connection_watch.h"

namespace nexus::control {

namespace {

constexpr size_t kManyStates = 1024;
constexpr std::chrono::minutes kOld(2);  // no connection is kept for so long without a use

}  // namespace

void ConnectionWatch::begun(const std::string &connection, Time now) {
    State &state = states_[connection];
    // A suspect's quiet is not ended by asking it once more.
    if (state.owed == 0 && !state.is_suspect) {
        state.quiet_since = now;
    }
    ++state.owed;
    if (states_.size() > kManyStates) {
        forget_old(now);
    }
}

void ConnectionWatch::heard(const std::string &connection, Time now) {
    if (const auto found = states_.find(connection); found != states_.end()) {
        found->second.quiet_since = now;
        found->second.is_suspect = false;
    }
}

bool ConnectionWatch::ended(const std::string &connection, bool is_timed_out, Time now) {
    const auto found = states_.find(connection);
    if (found == states_.end()) {
        return false;  // was cut
    }
    State &state = found->second;
    state.owed -= state.owed == 0 ? 0 : 1;
    state.is_suspect = state.is_suspect || is_timed_out;
    const bool is_dead = is_timed_out && now - state.quiet_since >= quiet_limit_;
    if (is_dead || (state.owed == 0 && !state.is_suspect)) {
        states_.erase(found);
    }
    return is_dead;
}

void ConnectionWatch::forget_old(Time now) {
    std::erase_if(states_, [&](const auto &entry) {
        return entry.second.owed == 0 && now - entry.second.quiet_since > kOld;
    });
}

}  // namespace nexus::control
