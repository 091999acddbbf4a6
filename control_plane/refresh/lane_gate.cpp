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

int64_t slot_gap_us(const std::vector<RateLimit> &limits) noexcept {
    int64_t gap_us = 0;
    for (const RateLimit &limit : limits) {
        if (limit.per == RateLimit::Per::kClient && pace_of(limit).burst == 1) {
            gap_us = std::max(gap_us, pace_of(limit).interval_us);
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
    if (lane->failures > 0) {
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

Result<Admission> LaneGate::admit(const std::string &provider_id, const std::vector<RateLimit> &limits,
                                  int64_t wanted, int64_t lead_ms, int64_t horizon_ms) {
    Result<std::optional<Admission>> held = blocked(provider_id);
    if (!held) {
        return fail(held.error());
    }
    if (*held) {
        return std::move(**held);
    }
    const bool is_limited = std::ranges::any_of(
        limits, [](const RateLimit &limit) { return limit.per == RateLimit::Per::kClient; });
    const int64_t now_us = (clock_() + (is_limited ? lead_ms : 0)) * 1000;
    std::vector<int64_t> slots(static_cast<size_t>(wanted), now_us);
    // First what all limits allow, then each is told: what one would have allowed more is not lost to it.
    for (const bool reserves : {false, true}) {
        int64_t number = 0;
        for (const RateLimit &limit : limits) {
            ++number;
            if (limit.per != RateLimit::Per::kClient) {
                continue;
            }
            const Pace pace = pace_of(limit);
            const int64_t tolerance_us = (pace.burst - 1) * pace.interval_us;
            Result<int64_t> first =
                reserves
                    ? store::lanes::reserve(database_, provider_id, number, now_us,
                                            static_cast<int64_t>(slots.size()), pace.interval_us)
                    : store::lanes::get(database_, provider_id, number).map([&](const store::Lane &lane) {
                          return std::max(lane.slot_us, now_us);
                      });
            if (!first) {
                return fail(first.error());
            }
            if (!reserves) {
                const int64_t room = now_us + horizon_ms * 1000 + tolerance_us - *first;
                const int64_t fits = room < 0 ? 0 : room / pace.interval_us + 1;
                if (fits == 0) {
                    return Admission{
                        {}, (*first - tolerance_us - horizon_ms * 1000) / 1000 + 1, "rate_limited"};
                }
                slots.resize(
                    static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(slots.size()), fits)));
                continue;
            }
            for (size_t i = 0; i < slots.size(); ++i) {
                slots[i] =
                    std::max(slots[i], *first + static_cast<int64_t>(i) * pace.interval_us - tolerance_us);
            }
        }
    }
    return Admission{std::move(slots), 0, {}};
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
