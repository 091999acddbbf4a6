// When a provider may be asked: see lane_gate.h.
#include "control_plane/refresh/lane_gate.h"

#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"

namespace nexus::control {

namespace {

constexpr int64_t kOutagesToBlock = 5;  // in a row, of any connections
constexpr int64_t kProbeMs = 15 * 1000;
constexpr int64_t kLongestThrottleS = 3600;

int64_t doubled(int64_t first_ms, int64_t times, int64_t last_ms) noexcept {
    return std::min(first_ms << std::clamp<int64_t>(times, 0, 16), last_ms);
}

// The registration is refused, not the request.
bool is_about_the_client(const TokenResponse &response) noexcept {
    return response.outcome == TokenOutcome::kConfiguration &&
           (response.reason == "invalid_client" || response.reason == "unauthorized_client" ||
            response.reason == "invalid_client_key");
}

}  // namespace

Pace pace_of(const RateLimit &limit) noexcept {
    const int64_t window_us = limit.window_s * 1000 * 1000;
    const int64_t usual =
        limit.per == RateLimit::Per::kConnection ? std::max<int64_t>(1, limit.requests / 2) : 1;
    const int64_t burst = std::clamp<int64_t>(limit.burst == 0 ? usual : limit.burst, 1, limit.requests);
    // Any window holds the burst and what the interval lets through behind it.
    const int64_t spread = limit.requests - burst + 1;
    return {(window_us + spread - 1) / spread, burst};
}

ClientPaces client_paces(const std::vector<RateLimit> &limits) {
    ClientPaces paces;
    for (size_t i = 0; i < limits.size(); ++i) {
        if (limits[i].per == RateLimit::Per::kClient) {
            paces.emplace_back(static_cast<int64_t>(i) + 1, pace_of(limits[i]));
        }
    }
    return paces;
}

int64_t slot_gap_us(const std::vector<RateLimit> &limits) {
    int64_t gap_us = 0;
    for (const auto &[number, pace] : client_paces(limits)) {
        if (pace.burst == 1) {
            gap_us = std::max(gap_us, pace.interval_us);
        }
    }
    return gap_us;
}

int64_t block_ms(const TokenResponse &response, int64_t failures) noexcept {
    if (is_about_the_client(response)) {
        return doubled(2000, failures - 1, 15 * 60 * 1000);
    }
    switch (response.outcome) {
        case TokenOutcome::kThrottled:
            return std::max(doubled(1000, failures - 1, 60 * 1000),
                            std::min(response.retry_after_s, kLongestThrottleS) * 1000);
        case TokenOutcome::kOutage:
        case TokenOutcome::kTransient:
            return failures < kOutagesToBlock ? 0 : doubled(1000, failures - kOutagesToBlock, 60 * 1000);
        default:
            return 0;
    }
}

Result<std::optional<Admission>> LaneGate::blocked(const std::string &provider_id) {
    Result<store::Lane> lane = store::lanes::get(database_, provider_id);
    if (!lane) {
        return fail(lane.error());
    }
    if (lane->failures > 0 || lane->blocked_until > 0) {
        const std::scoped_lock lock(mutex_);
        ailing_.insert(provider_id);
    }
    const UnixMs now = clock_();
    if (lane->blocked_until > now) {
        return Admission{{}, lane->blocked_until, lane->reason};
    }
    if (lane->blocked_until == 0) {
        return std::nullopt;
    }
    // The block is over: one of the fleet finds out for all.
    Result<bool> probes = store::lanes::probe(database_, provider_id, lane->blocked_until, now + kProbeMs);
    if (!probes) {
        return fail(probes.error());
    }
    return *probes ? Admission{{now * 1000}, 0, {}} : Admission{{}, now + 1000, lane->reason};
}

// How many slots each limit of the client has room for: the least counts. None: `admission` says until when.
Result<size_t> LaneGate::fitting(const std::string &provider_id, const ClientPaces &paces, size_t wanted,
                                 int64_t now_us, int64_t horizon_ms, Admission &admission) {
    for (const auto &[number, pace] : paces) {
        Result<store::Lane> lane = store::lanes::get(database_, provider_id, number);
        if (!lane) {
            return fail(lane.error());
        }
        const int64_t earliest_us = std::max(lane->slot_us, now_us) - pace.tolerance_us();
        const int64_t room_us = now_us + horizon_ms * 1000 - earliest_us;
        if (room_us < 0) {
            admission.retry_at = (earliest_us - horizon_ms * 1000) / 1000 + 1;
            admission.reason = "rate_limited";
            return size_t{0};
        }
        wanted = std::min(wanted, static_cast<size_t>(room_us / pace.interval_us + 1));
    }
    return wanted;
}

Result<Admission> LaneGate::admit(const std::string &provider_id, const std::vector<RateLimit> &limits,
                                  int64_t wanted, int64_t lead_ms, int64_t horizon_ms) {
    Result<std::optional<Admission>> held = blocked(provider_id);
    if (!held) {
        return fail(held.error());
    }
    if (*held) {
        return std::move(**held);
    }
    const ClientPaces paces = client_paces(limits);
    const int64_t now_us = (clock_() + (paces.empty() ? 0 : lead_ms)) * 1000;
    Admission admission;
    Result<size_t> count =
        fitting(provider_id, paces, static_cast<size_t>(wanted), now_us, horizon_ms, admission);
    if (!count) {
        return fail(count.error());
    }
    if (*count == 0) {
        return admission;
    }
    // Only now is any limit told, so that none loses what another would not have let through.
    admission.slots_us.assign(*count, now_us);
    for (const auto &[number, pace] : paces) {
        Result<int64_t> first = store::lanes::reserve(database_, provider_id, number, now_us,
                                                      static_cast<int64_t>(*count), pace.interval_us);
        if (!first) {
            return fail(first.error());
        }
        for (size_t i = 0; i < *count; ++i) {
            int64_t &slot_us = admission.slots_us[i];
            slot_us =
                std::max(slot_us, *first + static_cast<int64_t>(i) * pace.interval_us - pace.tolerance_us());
        }
    }
    return admission;
}

void LaneGate::count(const std::string &provider_id, const TokenResponse &response) {
    Result<int64_t> failures = store::lanes::count_failure(database_, provider_id, response.reason);
    if (!failures) {
        return;
    }
    {
        const std::scoped_lock lock(mutex_);
        ailing_.insert(provider_id);
    }
    const int64_t pause = block_ms(response, *failures);
    if (pause > 0 && store::lanes::block(database_, provider_id, clock_() + pause)) {
        log::warn("provider_left_alone",
                  {{"provider_id", provider_id}, {"reason", response.reason}, {"ms", pause}});
        if (metrics_ != nullptr) {
            metrics_->refresh_lane_blocked(response.reason);
        }
    }
}

void LaneGate::answered(const std::string &provider_id, const TokenResponse &response) {
    switch (response.outcome) {
        case TokenOutcome::kThrottled:
        case TokenOutcome::kOutage:
        case TokenOutcome::kTransient:
            return count(provider_id, response);
        case TokenOutcome::kConfiguration:
            if (is_about_the_client(response)) {
                return count(provider_id, response);
            }
            break;
        default:
            break;
    }
    works(provider_id);
}

void LaneGate::works(const std::string &provider_id) {
    {
        const std::scoped_lock lock(mutex_);
        if (ailing_.erase(provider_id) == 0) {
            return;
        }
    }
    if (store::lanes::clear(database_, provider_id)) {
        log::info("provider_answers_again", {{"provider_id", provider_id}});
    }
}

}  // namespace nexus::control
