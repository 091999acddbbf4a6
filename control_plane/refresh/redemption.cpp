// The rules of redeeming a refresh token exactly once: see redemption.h.
#include "control_plane/refresh/redemption.h"

#include <algorithm>
#include <functional>

namespace nexus::control {

namespace {

using Use = RefreshReuse::Use;

constexpr int64_t kUsualDeadlineMs = 10 * 1000;
constexpr int64_t kCommitMs = 2 * 1000;  // of the lease, for what follows the answer
constexpr int64_t kLeastToSendMs = 200;  // with less before its deadline, a request is not begun
constexpr int64_t kFirstPauseMs = 1000;
constexpr int64_t kLastPauseMs = 60 * 1000;
constexpr int64_t kLongestRetryAfterS = 3600;

// With a fifth of it left (at most a second), because a request takes time to arrive.
UnixMs grace_end(const RefreshReuse &reuse, UnixMs sent_at) noexcept {
    const int64_t grace_ms = reuse.grace_s * 1000;
    return sent_at + grace_ms - std::min<int64_t>(1000, grace_ms / 5);
}

bool is_within_grace(const RefreshReuse &reuse, UnixMs sent_at, UnixMs now) noexcept {
    return now < grace_end(reuse, sent_at);
}

Verdict later(const store::Refresh &claimed, UnixMs sent_at, const TokenResponse &response, UnixMs now) {
    Verdict verdict{Verdict::Ending::kLater, response.reason, claimed};
    verdict.row.sent_at = sent_at;
    verdict.row.attempts = claimed.attempts + 1;
    verdict.row.reason = response.reason;
    verdict.row.due_at =
        now + retry_pause_ms(claimed.connection_id, verdict.row.attempts, response.retry_after_s);
    return verdict;
}

// Sent, and the answer is lost.
Verdict ambiguous(const store::Refresh &claimed, UnixMs sent_at, const TokenResponse &response,
                  const RefreshReuse &reuse, UnixMs now) {
    if (reuse.use != Use::kSingleUse) {
        return later(claimed, sent_at, response, now);
    }
    if (!is_within_grace(reuse, sent_at, now)) {
        return {Verdict::Ending::kAttention, std::string{kLostRotation}, {}};
    }
    Verdict verdict{Verdict::Ending::kAgain, response.reason, claimed};
    verdict.row.sent_at = sent_at;
    verdict.row.reason = response.reason;
    verdict.row.due_at = now;
    return verdict;
}

}  // namespace

AttemptTimes attempt_times(const RefreshReuse &reuse) noexcept {
    if (reuse.use != Use::kSingleUse || reuse.grace_s == 0) {
        return {kUsualDeadlineMs + kCommitMs, kUsualDeadlineMs};
    }
    // Somebody else must find the lease free while there is grace enough left to ask again.
    const int64_t lease = std::min(kUsualDeadlineMs + kCommitMs, reuse.grace_s * 1000 * 2 / 5);
    return {lease, std::min(kUsualDeadlineMs, lease * 3 / 4)};
}

Plan plan_redemption(const store::Refresh &claimed, const RefreshReuse &reuse, UnixMs now) noexcept {
    const bool may_be_used_up = claimed.sent_at != 0 && reuse.use == Use::kSingleUse;
    return may_be_used_up && !is_within_grace(reuse, claimed.sent_at, now) ? Plan::kLost : Plan::kSend;
}

UnixMs send_until(const store::Refresh &claimed, const RefreshReuse &reuse, UnixMs deadline_at) noexcept {
    const UnixMs latest = deadline_at - kLeastToSendMs;
    const bool is_repeated = claimed.sent_at != 0 && reuse.use == Use::kSingleUse;
    return is_repeated ? std::min(latest, grace_end(reuse, claimed.sent_at)) : latest;
}

Verdict judge_answer(const store::Refresh &claimed, UnixMs sent_at, const TokenResponse &response,
                     const RefreshReuse &reuse, UnixMs now) {
    const UnixMs first_sent_at = claimed.sent_at != 0 ? claimed.sent_at : sent_at;
    switch (response.outcome) {
        case TokenOutcome::kTokens:
            return {Verdict::Ending::kStore, {}, {}};
        case TokenOutcome::kInvalidGrant:
            // Dead after a redemption whose answer nobody saw: that one has used it up.
            return {Verdict::Ending::kAttention,
                    claimed.sent_at != 0 ? std::string{kLostRotation} : response.reason,
                    {}};
        case TokenOutcome::kUserAction:
            return {Verdict::Ending::kAttention, response.reason, {}};
        default:
            break;
    }
    if (response.may_be_redeemed) {
        return ambiguous(claimed, first_sent_at, response, reuse, now);
    }
    return later(claimed, claimed.sent_at, response, now);  // an answer, and not redeemed by this attempt
}

store::Refresh untouched(const store::Refresh &claimed, UnixMs again_at) {
    store::Refresh row = claimed;
    row.due_at = row.sent_at != 0 || row.attempts != 0 ? again_at : row.wanted_at;
    return row;
}

bool may_store(const store::Refresh &row, const store::Connection &connection, int64_t epoch) noexcept {
    const bool waits_for_this =
        connection.state == connection::State::kActive ||
        (connection.state == connection::State::kAttention && connection.attention_reason == kLostRotation);
    return waits_for_this && connection.refreshable && connection.deleted_at == 0 && row.token_epoch < epoch;
}

bool may_give_up(const store::Refresh &row, const store::Connection &connection,
                 const store::Refresh &claimed) noexcept {
    return connection.state == connection::State::kActive && connection.deleted_at == 0 &&
           row.epoch == claimed.epoch && row.token_epoch == claimed.token_epoch;
}

int64_t retry_pause_ms(std::string_view connection_id, int64_t attempts, int64_t retry_after_s) noexcept {
    const int64_t doubled = kFirstPauseMs << std::clamp<int64_t>(attempts - 1, 0, 10);
    const int64_t pause = std::min(doubled, kLastPauseMs);
    const auto spread = static_cast<uint64_t>(pause / 4) + 1;
    const auto jitter = static_cast<int64_t>(std::hash<std::string_view>{}(connection_id) % spread);
    return std::max(pause - jitter, std::min(retry_after_s, kLongestRetryAfterS) * 1000);
}

}  // namespace nexus::control
