// When a provider may be asked: its profile's rate limits, kept by the whole fleet (GCRA in the database),
// and a breaker for what is wrong with the provider or with our registration there, rather than with a
// connection.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control_plane/oauth/profile.h"
#include "control_plane/oauth/token_response.h"
#include "control_plane/store/database.h"
#include "control_plane/store/refresh_lanes.h"
#include "shared/clock.h"

namespace nexus::control {

/// How many requests may go, and when each.
struct Admission {
    std::vector<int64_t> slots_us;  // Unix microseconds, one for each that may go; none = not now
    UnixMs retry_at = 0;            // none may go: ask again then
    std::string reason;             // why, as token_response.h names it, or "rate_limited"
};

/// GCRA of "requests per window" that no window exceeds: burst at once, the rest evenly.
struct Pace {
    int64_t interval_us = 0;
    int64_t burst = 1;

    int64_t tolerance_us() const noexcept { return (burst - 1) * interval_us; }
};
Pace pace_of(const RateLimit &limit) noexcept;

/// Those limits of a profile that are the client's, by their number in it: from 1.
using ClientPaces = std::vector<std::pair<int64_t, Pace>>;
ClientPaces client_paces(const std::vector<RateLimit> &limits);

/// The least time between two requests of the client; 0 = there is no such limit.
int64_t slot_gap_us(const std::vector<RateLimit> &limits);

class Metrics;

class LaneGate {
public:
    LaneGate(store::Database &database, Clock clock, Metrics *metrics)
        : database_(database), clock_(std::move(clock)), metrics_(metrics) {}

    /// wanted      how many there are to send
    /// lead_ms     before a slot there is so much to do: no slot is sooner than that
    /// horizon_ms  how far ahead slots may lie
    Result<Admission> admit(const std::string &provider_id, const std::vector<RateLimit> &limits,
                            int64_t wanted, int64_t lead_ms, int64_t horizon_ms);
    /// What an answer says of the provider as a whole.
    void answered(const std::string &provider_id, const TokenResponse &response);
    /// It has given tokens.
    void works(const std::string &provider_id);

private:
    Result<std::optional<Admission>> blocked(const std::string &provider_id);
    Result<size_t> fitting(const std::string &provider_id, const ClientPaces &paces, size_t wanted,
                           int64_t now_us, int64_t horizon_ms, Admission &admission);
    void count(const std::string &provider_id, const TokenResponse &response);

    store::Database &database_;
    Clock clock_;
    Metrics *metrics_;
    std::mutex mutex_;
    std::set<std::string> ailing_;  // lanes with failures, as this process knows
};

/// How long a lane is left alone after so many failures in a row; 0 = not yet.
int64_t block_ms(const TokenResponse &response, int64_t failures) noexcept;

}  // namespace nexus::control
