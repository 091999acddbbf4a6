// A model of redeeming refresh tokens: two processes that run the real rules (redemption.h) step by step
// against a store of one row and a provider with a memory, and everything that may come between two steps.
// Copies are cheap and compare by `key`, so that a search can visit every state once.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>

#include "control_plane/refresh/redemption.h"

namespace nexus::control::model {

inline constexpr size_t kProcesses = 2;
inline constexpr UnixMs kStart = 1'000'000;

/// The authorization server. Tokens are numbers: 1 was given at the consent, each rotation gives the next.
struct Provider {
    RefreshReuse reuse;
    bool rotates = true;
    int newest = 1;
    UnixMs rotated_at = 0;
    bool is_reused = false;  // a consumed token came again, outside of its grace: the family is revoked

    /// returns the token of the answer; nullopt = invalid_grant
    std::optional<int> redeem(int token, UnixMs now);
};

/// What the database holds.
struct Store {
    store::Refresh row;
    store::Connection connection;
    int token = 1;

    bool claim(UnixMs now, int64_t lease_ms);
    bool mark_sent(const store::Refresh &claimed, UnixMs now);
    bool put(int64_t epoch, int new_token);  // as store_answer
    bool give_up(const store::Refresh &claimed, const std::string &reason);
    void give_back(const store::Refresh &wanted);
};

enum class At : uint8_t { kIdle, kClaimed, kIntended, kSent, kAnswered, kCrashed };

struct Process {
    At at = At::kIdle;
    int attempts = 0;
    store::Refresh claimed;
    int token = 0;  // as read under the claim
    UnixMs sent_at = 0;
    std::optional<TokenOutcome> outcome;  // of the answer; nullopt = none came
    int answer = 0;
    bool has_newest = false;  // an answer with what was then the newest token has reached it
};

struct World {
    Provider provider;
    Store store;
    std::array<Process, kProcesses> processes;
    UnixMs now = kStart;
    int crashes_left = 1;
    int losses_left = 1;
    int jumps_left = 2;
    bool is_ambiguous = false;  // a request was sent and its sender died, or its answer was lost

    std::string key() const;
};

/// One step of a process; false = it has none to make.
bool step(World &world, size_t process);
/// The answer of a request in flight does not arrive.
bool lose_answer(World &world, size_t process);
/// The request in flight does not arrive.
bool lose_request(World &world, size_t process);
bool crash(World &world, size_t process);
/// To the end of the lease, or over the provider's grace.
bool jump(World &world);
/// Whoever lives goes on until nothing is to be done; leases run out meanwhile.
void settle(World &world);

}  // namespace nexus::control::model
