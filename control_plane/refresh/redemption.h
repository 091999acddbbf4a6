// The rules of redeeming a refresh token exactly once, as pure functions of the queue's row, the connection,
// the provider's ways and the clock. Every process decides by these; tests/unit runs all interleavings of two
// of them. Carrying it out is the engine's business, storing it the store's.
//
// The order of steps: claim (a new epoch), mark_sent (the intent), send, then one of renew, give_back or a
// move to attention. Whoever finds a row with sent_at set knows that its token may have been used up by
// somebody who did not live to tell.
#pragma once

#include <cstdint>
#include <string>

#include "control_plane/oauth/profile.h"
#include "control_plane/oauth/token_response.h"
#include "control_plane/store/refresh_repository.h"
#include "shared/clock.h"

namespace nexus::control {

/// attention_reason: the token was used up, and what it was used up for is lost.
inline constexpr std::string_view kLostRotation = "lost_rotation";

/// How long one attempt may take, from its claim.
struct AttemptTimes {
    int64_t lease_ms = 0;
    int64_t deadline_ms = 0;  // of the provider's answer, always before the lease's end
};
/// Short where a lost answer can be asked for once more within the provider's grace.
AttemptTimes attempt_times(const RefreshReuse &reuse) noexcept;

/// May the claimed row's token be sent, or must it be given up?
enum class Plan : uint8_t {
    kSend,
    kLost,  // it may have been used up, and sending it again would cost the whole family (RFC 9700
            // section 4.14)
};
Plan plan_redemption(const store::Refresh &claimed, const RefreshReuse &reuse, UnixMs now) noexcept;

/// Until when the request may go out: to the deadline less what an answer takes, and while the grace of an
/// earlier send lasts. It is looked at at the last moment, since a process may be stopped at any.
UnixMs send_until(const store::Refresh &claimed, const RefreshReuse &reuse, UnixMs deadline_at) noexcept;

/// What becomes of an attempt whose request was sent.
struct Verdict {
    enum class Ending : uint8_t {
        kStore,      // the answer's tokens
        kAttention,  // a person is needed: `reason`
        kLater,      // nothing has changed: `row` says when again
        kAgain,      // the same at once, as the provider's grace allows
    };
    Ending ending = Ending::kLater;
    std::string reason;
    store::Refresh row;  // kLater and kAgain: to be given back like this
};
/// claimed  the row as it was claimed, before the intent
/// sent_at  of this attempt's intent
Verdict judge_answer(const store::Refresh &claimed, UnixMs sent_at, const TokenResponse &response,
                     const RefreshReuse &reuse, UnixMs now);

/// As it is given back when nothing was tried: due again at its own time, or at `again_at` where there is
/// something to settle or to repeat.
store::Refresh untouched(const store::Refresh &claimed, UnixMs again_at);

/// May the tokens that `epoch` brought replace what is stored now? Also when the lease has passed on, and
/// when somebody gave the connection up for lost meanwhile: the highest epoch wins. Not where there is
/// nothing to refresh any more.
bool may_store(const store::Refresh &row, const store::Connection &connection, int64_t epoch) noexcept;
/// May the attempt of `claimed` move the connection to attention? Not if anything is newer than what it saw.
bool may_give_up(const store::Refresh &row, const store::Connection &connection,
                 const store::Refresh &claimed) noexcept;

/// The pause after the n-th failure in a row: 1 s doubling to 60 s, less up to a quarter by the id's hash;
/// the provider's Retry-After where that is more, up to an hour.
int64_t retry_pause_ms(std::string_view connection_id, int64_t attempts, int64_t retry_after_s) noexcept;

}  // namespace nexus::control
