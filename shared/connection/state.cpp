// The state machine of DESIGN 4; who may cause a transition, and what is audited, is the control plane's
// business.
#include "shared/connection/state.h"

#include <array>
#include <utility>

namespace nexus::connection {

namespace {

constexpr std::array<std::pair<State, std::string_view>, 6> kNames = {{
    {State::kPending, "pending"},
    {State::kActive, "active"},
    {State::kAttention, "attention"},
    {State::kFailed, "failed"},
    {State::kExpired, "expired"},
    {State::kRevoked, "revoked"},
}};

}  // namespace

std::string_view to_string(State state) noexcept {
    for (const auto &[known, name] : kNames) {
        if (known == state) {
            return name;
        }
    }
    return "unknown";
}

std::optional<State> parse_state(std::string_view name) noexcept {
    for (const auto &[state, known] : kNames) {
        if (known == name) {
            return state;
        }
    }
    return std::nullopt;
}

std::optional<State> to_state(uint8_t number) noexcept {
    for (const auto &[state, name] : kNames) {
        if (static_cast<uint8_t>(state) == number) {
            return state;
        }
    }
    return std::nullopt;
}

bool is_transition(State from, State to) noexcept {
    if (from == to) {
        return true;
    }
    switch (from) {
        case State::kPending:  // consent under way: it succeeds, fails, or is called off
            return to == State::kActive || to == State::kFailed || to == State::kRevoked;
        case State::kActive:
            return to == State::kAttention || to == State::kExpired || to == State::kRevoked;
        case State::kAttention:  // a reconnect or a later refresh succeeds, or the token dies meanwhile
            return to == State::kActive || to == State::kExpired || to == State::kRevoked;
        case State::kFailed:  // the first exchange may be tried again
            return to == State::kPending || to == State::kActive || to == State::kRevoked;
        case State::kExpired:  // only a reconnect helps
            return to == State::kActive || to == State::kRevoked;
        case State::kRevoked:
            return false;
    }
    return false;
}

std::optional<Errc> refusal(State state) noexcept {
    switch (state) {
        case State::kActive:
            return std::nullopt;
        case State::kAttention:
            return Errc::kAttentionRequired;
        case State::kPending:
            return Errc::kConnectionPending;
        case State::kFailed:
        case State::kExpired:
            return Errc::kConnectionNotActive;
        case State::kRevoked:
            return Errc::kConnectionRevoked;
    }
    return Errc::kConnectionNotActive;
}

}  // namespace nexus::connection
