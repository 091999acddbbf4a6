// The stages of an attempt: see refresh_engine.h. A stage runs where the one before it ended: on a thread of
// the stages, on that of the group commits (short ones only), or on the transport's. How attempts end is in
// refresh_endings.cpp.
#include <utility>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/refresh/refresh_engine.h"
#include "control_plane/refresh/refresh_words.h"
#include "control_plane/store/refresh_repository.h"
#include "control_plane/store/transition.h"

namespace nexus::control {

namespace {

constexpr int64_t kAgainMs = 150;
constexpr int64_t kIntentLeadMs = 100;
constexpr int64_t kLatestMs = 15;

using Events = std::vector<store::audit_log::Pending>;

Error error_of(const TokenResponse &response, const store::Refresh &row, UnixMs now) {
    return response.outcome == TokenOutcome::kConfiguration ? refresh_refused(response.reason)
                                                            : token_unavailable_until(row.due_at, now);
}

}  // namespace

void RefreshEngine::in_stage(const AttemptPtr &attempt, void (RefreshEngine::*stage)(const AttemptPtr &)) {
    const bool is_taken = stages_->submit([this, attempt, stage] {
        try {
            (this->*stage)(attempt);
        } catch (const std::exception &) {
            log::error("refresh_stage_failed", {{"connection_id", attempt->claimed.connection_id}});
            end(attempt, fail(Errc::kInternal, "the refresh did not finish"));
        }
    });
    if (!is_taken) {
        end(attempt, fail(token_unavailable(1)));
    }
}

void RefreshEngine::prepare(const AttemptPtr &attempt) {
    settle_journal(attempt->claimed.connection_id);
    if (attempt->provider.id.empty()) {
        Result<store::Provider> provider = store::providers::get(database_, attempt->claimed.provider_id);
        if (!provider) {
            return not_prepared(attempt, provider.error());
        }
        attempt->provider = std::move(*provider);
    }
    Result<Redeemer::Prepared> prepared = redeemer_.prepare(*attempt);
    if (!prepared) {
        return not_prepared(attempt, prepared.error());
    }
    switch (*prepared) {
        case Redeemer::Prepared::kNothing:
            return nothing_to_do(attempt);
        case Redeemer::Prepared::kLost:
            return give_up(attempt, std::string{kLostRotation});
        case Redeemer::Prepared::kTooSoon: {
            store::Refresh row = attempt->claimed;
            row.due_at = attempt->rate_at;
            row.attempts = std::max<int64_t>(1, row.attempts);  // whoever comes before then is told so
            row.reason = "rate_limited";
            return give_back(attempt, row, token_unavailable_until(row.due_at, clock_()), {});
        }
        case Redeemer::Prepared::kReady:
            break;
    }
    // The intent is written shortly before the slot: whoever dies in between has not used the token.
    const int64_t early_us = attempt->send_at_us - clock_() * 1000 - kIntentLeadMs * 1000;
    if (early_us <= 0) {
        return intend(attempt);
    }
    slots_->put({}, early_us, 0, [this, attempt] { intend(attempt); });
}

void RefreshEngine::intend(const AttemptPtr &attempt) {
    attempt->sent_at = clock_();
    auto is_marked = std::make_shared<bool>(false);
    intents_->submit(
        [this, attempt, is_marked](store::Transaction &sql, Events &) {
            return store::refreshes::mark_sent(sql, attempt->claimed, attempt->sent_at, attempt->rate_at)
                .map([&](bool marked) { *is_marked = marked; });
        },
        [this, attempt, is_marked](const Result<void> &done) {
            if (!done) {  // it may be there all the same
                return give_back(attempt, untouched(attempt->claimed, clock_()), done.error(), {});
            }
            *is_marked ? send_in_turn(attempt) : superseded(attempt);
        });
}

void RefreshEngine::send_in_turn(const AttemptPtr &attempt) {
    const int64_t gap_us = slot_gap_us(attempt->client->profile.rate_limits);
    if (gap_us == 0) {
        return send(attempt);
    }
    slots_->put(attempt->provider.id, attempt->send_at_us - clock_() * 1000, gap_us, [this, attempt] {
        const bool is_late = clock_() * 1000 - attempt->send_at_us > kLatestMs * 1000;
        is_late ? in_stage(attempt, &RefreshEngine::take_new_slot) : send(attempt);
    });
}

// A slot that was missed is gone: what is sent late stands beside what others send in time, and the provider
// sees both.
void RefreshEngine::take_new_slot(const AttemptPtr &attempt) {
    Result<Admission> admission = gate_.admit(attempt->provider.id, attempt->client->profile.rate_limits, 1,
                                              1, attempt->deadline_at - clock_());
    if (!admission || admission->slots_us.empty()) {
        return give_back(attempt, untouched(attempt->claimed, clock_()), token_unavailable(1), {});
    }
    attempt->send_at_us = admission->slots_us.front();
    send_in_turn(attempt);
}

// From here on the token may be used up, whatever becomes of us.
void RefreshEngine::send(const AttemptPtr &attempt) {
    const int64_t left_ms = send_until(attempt->claimed, attempt->reuse, attempt->deadline_at) - clock_();
    const bool is_begun = attempt->started != std::chrono::steady_clock::time_point{};
    if (left_ms <= 0 || (is_ending_ && !is_begun)) {
        if (attempt->is_judged.exchange(true)) {
            return;
        }
        return give_back(attempt, untouched(attempt->claimed, clock_()), token_unavailable(1), {});
    }
    HttpRequest request = std::move(*attempt->request);
    attempt->request.reset();
    request.total_timeout = options_.patience;
    if (!is_begun) {
        attempt->started = std::chrono::steady_clock::now();
        slots_->put({}, (attempt->deadline_at - clock_()) * 1000, 0, [this, attempt] { overdue(attempt); });
        log::debug("refresh_started",
                   {{"connection_id", attempt->connection.id}, {"epoch", attempt->claimed.epoch}});
    }
    transport_(
        std::move(request),
        [this, attempt](Result<HttpResponse> response) { answered(attempt, std::move(response)); },
        std::chrono::milliseconds(left_ms));
}

void RefreshEngine::answered(const AttemptPtr &attempt, Result<HttpResponse> response) {
    attempt->exchange->answer(std::move(response));
    attempt->request = attempt->exchange->next();
    if (attempt->request) {
        return send(attempt);
    }
    if (attempt->is_judged.exchange(true)) {
        static_cast<void>(stages_->submit([this, attempt] { take_late(attempt); }));
        return;
    }
    attempt->response = attempt->exchange->take_result();
    in_stage(attempt, &RefreshEngine::conclude);
}

// The deadline has passed: for the attempt that is no answer. The request is left running, because an answer
// that comes after all may hold the only copy of a token (also to a process that was stopped meanwhile).
void RefreshEngine::overdue(const AttemptPtr &attempt) {
    if (attempt->is_judged.exchange(true)) {
        return;
    }
    attempt->response.outcome = TokenOutcome::kOutage;
    attempt->response.reason = "no_answer_in_time";
    attempt->response.may_be_redeemed = true;
    in_stage(attempt, &RefreshEngine::conclude);
}

void RefreshEngine::measure(const AttemptPtr &attempt, const std::string &result) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - attempt->started;
    slowness_.record(attempt->provider.id, static_cast<int64_t>(took.count() * 1000));
    if (metrics_ != nullptr) {
        metrics_->token_refresh(attempt->provider.name, result, took.count());
    }
}

void RefreshEngine::conclude(const AttemptPtr &attempt) {
    TokenResponse response = std::move(attempt->response);
    if (response.outcome == TokenOutcome::kTokens) {  // before anything else: it exists nowhere but here
        attempt->answer =
            redeemer_.take_answer(*attempt, std::move(response), slowness_.p99_ms(attempt->provider.id));
        attempt->has_tokens = true;
        measure(attempt, "success");
        return store(attempt);
    }
    measure(attempt, response.reason);
    gate_.answered(attempt->provider.id, response);
    if (!response.refresh_token.empty()) {  // what failed came after it
        attempt->answer = redeemer_.take_refresh_token(*attempt, std::move(response));
        return store(attempt);
    }
    Verdict verdict = judge_answer(attempt->claimed, attempt->sent_at, response, attempt->reuse, clock_());
    switch (verdict.ending) {
        case Verdict::Ending::kAttention:
            return give_up(attempt, verdict.reason);
        case Verdict::Ending::kAgain:
            return again(attempt, std::move(verdict.row));
        default:
            return give_back(attempt, verdict.row, error_of(response, verdict.row, clock_()), verdict.reason);
    }
}

void RefreshEngine::not_prepared(const AttemptPtr &attempt, const Error &error) {
    TokenResponse response;
    response.retry_after_s = error.retry_after_s;
    switch (error.errc) {
        case Errc::kProviderUnavailable:
        case Errc::kProviderSilent:
            response.outcome = TokenOutcome::kOutage;
            response.reason = "discovery_unavailable";
            break;
        case Errc::kProviderError:
        case Errc::kEgressDenied:
            response.outcome = TokenOutcome::kConfiguration;
            response.reason = "discovery_failed";
            break;
        default:  // our own store or vault, or nothing to refresh with: nobody else's business
            response.outcome = TokenOutcome::kTransient;
            break;
    }
    // Sent nothing: what was unknown before is so still.
    const Verdict verdict = judge_answer(attempt->claimed, clock_(), response, attempt->reuse, clock_());
    store::Refresh row = verdict.row;
    if (error.errc == Errc::kNoRefreshToken || error.errc == Errc::kStaticToken ||
        error.errc == Errc::kConnectionNotFound || error.errc == Errc::kProviderNotFound) {
        row.due_at = row.attempts = 0;
    }
    give_back(attempt, row, response.reason.empty() ? error : error_of(response, row, clock_()),
              response.reason);
}

// Asked once more within the provider's grace, under an epoch of its own.
void RefreshEngine::again(const AttemptPtr &attempt, store::Refresh row) {
    commits_->submit(
        [row](store::Transaction &sql, Events &) { return store::refreshes::give_back(sql, row); },
        [this, attempt](const Result<void> &done) {
            if (!done) {
                return end(attempt, fail(done.error()));
            }
            if (is_ending_) {  // another process asks, without waiting for us
                return end(attempt, fail(token_unavailable(1)));
            }
            slots_->put({}, kAgainMs * 1000, 0,
                        [this, attempt] { in_stage(attempt, &RefreshEngine::claim_again); });
        });
}

void RefreshEngine::claim_again(const AttemptPtr &attempt) {
    const UnixMs now = clock_();
    Result<std::optional<store::Refresh>> claimed = store::refreshes::claim(
        database_, attempt->claimed.connection_id, owner_, now, lease_ms(attempt->reuse));
    if (!claimed || !*claimed) {  // somebody else is at it
        return end(attempt, claimed ? fail(token_unavailable(1)) : fail(claimed.error()));
    }
    // A new one, because an answer to the old one may still come.
    const AttemptPtr next = make_attempt(std::move(**claimed), attempt->provider, attempt->reuse,
                                         now + attempt_times(attempt->reuse).deadline_ms);
    next->wish = attempt->wish;
    next->is_scheduled = attempt->is_scheduled;
    next->flight = attempt->flight;
    prepare(next);
}

}  // namespace nexus::control
