// Connection states (DESIGN 4): their numbers in records, their names in JSON and SQL, what a token request
// gets.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/errc.h"

namespace nexus::connection {

enum class State : uint8_t {
    kPending = 1,
    kActive = 2,
    kAttention = 3,
    kFailed = 4,
    kExpired = 5,
    kRevoked = 6,
};

std::string_view to_string(State state) noexcept;
std::optional<State> parse_state(std::string_view name) noexcept;
std::optional<State> to_state(uint8_t number) noexcept;

/// May a connection move from one state to the other? `revoked` is final; the same state again is allowed.
bool is_transition(State from, State to) noexcept;

/// What a token request is refused with in this state; nullopt for active.
std::optional<Errc> refusal(State state) noexcept;

}  // namespace nexus::connection
