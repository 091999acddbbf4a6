// How an attempt ends, in the database and for those that wait: its answer stored, its connection given up,
// its lease given back. See refresh_engine.h; what comes before is in refresh_stages.cpp.
#include <utility>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/refresh/refresh_engine.h"
#include "control_plane/refresh/refresh_words.h"
#include "control_plane/store/refresh_repository.h"
#include "control_plane/store/transition.h"

namespace nexus::control {

namespace {

constexpr int kStoreTries = 5;
constexpr int kBackTries = 20;
constexpr int64_t kBackPauseMs = 500;

using Events = std::vector<store::audit_log::Pending>;

}  // namespace

/// done  called once, on a thread of the commits
void RefreshEngine::commit(const std::shared_ptr<const Answer> &answer, CommitDone done) {
    auto row = std::make_shared<store::Connection>();
    commits_->submit(
        [this, answer, row](store::Transaction &sql, Events &events) {
            return store_answer(sql, events, vault_, *answer, clock_())
                .map([&](store::Connection connection) { *row = std::move(connection); });
        },
        [row, done = std::move(done)](const Result<void> &committed) {
            done(committed ? Result<store::Connection>{std::move(*row)} : fail(committed.error()));
        });
}

void RefreshEngine::store(const AttemptPtr &attempt) {
    commit(attempt->answer, [this, attempt](const Result<store::Connection> &row) { stored(attempt, row); });
}

void RefreshEngine::stored(const AttemptPtr &attempt, const Result<store::Connection> &row) {
    if (std::exchange(attempt->has_tokens, false)) {
        gate_.works(attempt->provider.id);  // only now: the answer came first
    }
    if (row) {
        return finish(attempt, *row);
    }
    if (is_superseded(row.error().errc)) {
        return superseded(attempt);
    }
    if (row.error().errc == Errc::kConflict && ++attempt->stores_tried < kStoreTries) {
        return store(attempt);
    }
    const bool is_kept = journal_.keep(attempt->answer);
    log::error(
        "refresh_not_stored",
        {{"connection_id", attempt->connection.id}, {"reason", row.error().message}, {"journal", is_kept}});
    end(attempt, fail(row.error()));
}

// Nobody waits for it any more.
void RefreshEngine::take_late(const AttemptPtr &attempt) {
    TokenResponse response = attempt->exchange->take_result();
    if (response.outcome != TokenOutcome::kTokens) {
        return;
    }
    std::shared_ptr<const Answer> answer = redeemer_.take_answer(*attempt, std::move(response), 0);
    commit(answer, [this, answer](const Result<store::Connection> &row) {
        if (row) {
            log::info("late_answer_stored", {{"connection_id", answer->connection_id}});
            drainer_.notify();
        } else if (!is_superseded(row.error().errc)) {
            journal_.keep(answer);
        }
    });
}

void RefreshEngine::finish(const AttemptPtr &attempt, store::Connection row) {
    const bool is_refreshed = row.state == connection::State::kActive;
    if (is_refreshed) {
        log::info("token_refreshed", {{"connection_id", row.id}, {"generation", row.generation}});
        if (metrics_ != nullptr && attempt->is_scheduled && attempt->claimed.wanted_at != 0) {
            metrics_->refresh_lag(static_cast<double>(clock_() - attempt->claimed.wanted_at) / 1000);
        }
    } else {
        log::warn("connection_attention", {{"connection_id", row.id}, {"reason", row.attention_reason}});
    }
    drainer_.notify();  // a Redis that is slow holds no attempt up
    end(attempt, std::move(row));
}

void RefreshEngine::give_up(const AttemptPtr &attempt, const std::string &reason) {
    auto row = std::make_shared<store::Connection>();
    commits_->submit(
        [this, attempt, reason, row](store::Transaction &sql, Events &events) -> Result<void> {
            const std::string &id = attempt->claimed.connection_id;
            Result<store::Connection> connection = store::connections::get(sql, id);
            if (!connection) {
                return fail(connection.error());
            }
            Result<store::Refresh> queued = store::refreshes::get(sql, id);
            if (!queued) {
                return fail(queued.error());
            }
            if (!may_give_up(*queued, *connection, attempt->claimed)) {
                return fail(Errc::kInvalidState, "the connection has gone on");
            }
            store::ConnectionChange change;
            change.state = connection::State::kAttention;
            change.attention_reason = reason;
            audit::Event event = refresh_event(audit::kTokenRefreshFatal, reason);
            Result<store::Connection> changed =
                store::change_refreshed(sql, *connection, change, event, clock_());
            if (!changed) {
                return fail(changed.error());
            }
            *row = std::move(*changed);
            events.push_back({std::move(event), clock_()});
            queued->due_at = queued->sent_at = queued->attempts = 0;
            queued->reason = reason;
            return store::refreshes::give_back(sql, *queued);
        },
        [this, attempt, row, reason](const Result<void> &done) {
            if (done) {
                return finish(attempt, std::move(*row));
            }
            const Errc errc = done.error().errc;
            if (errc == Errc::kConflict && ++attempt->stores_tried < kStoreTries) {
                return give_up(attempt, reason);
            }
            errc == Errc::kStoreUnavailable ? end(attempt, fail(done.error())) : superseded(attempt);
        });
}

// Somebody else changed the row while the provider answered: the row as it is now is the truth.
void RefreshEngine::superseded(const AttemptPtr &attempt) {
    log::info("refresh_superseded",
              {{"connection_id", attempt->claimed.connection_id}, {"epoch", attempt->claimed.epoch}});
    nothing_to_do(attempt);
}

void RefreshEngine::nothing_to_do(const AttemptPtr &attempt) {
    commits_->submit(
        [attempt](store::Transaction &sql, Events &) -> Result<void> {
            Result<store::Refresh> row = store::refreshes::get(sql, attempt->claimed.connection_id);
            if (!row || row->epoch != attempt->claimed.epoch) {
                return {};
            }
            row->due_at = row->wanted_at;
            return store::refreshes::give_back(sql, *row);
        },
        [this, attempt](const Result<void> &) { in_stage(attempt, &RefreshEngine::tell_row); });
}

void RefreshEngine::tell_row(const AttemptPtr &attempt) {
    end(attempt, store::connections::get(database_, attempt->claimed.connection_id));
}

/// reason  for the audit and the log; "" = it is no failure
void RefreshEngine::give_back(const AttemptPtr &attempt, store::Refresh row, const Error &error,
                              std::string_view reason) {
    if (!reason.empty()) {
        log::warn("refresh_failed", {{"connection_id", row.connection_id}, {"reason", reason}});
    }
    attempt->outcome = fail(error);
    attempt->back = std::move(row);
    attempt->why = std::string{reason};
    write_back(attempt);
}

// What is known must not be lost: without it, whoever comes next must think that the token may be used up. So
// it is tried for about as long as a lease lasts.
void RefreshEngine::write_back(const AttemptPtr &attempt) {
    commits_->submit(
        [this, attempt](store::Transaction &sql, Events &events) {
            if (!attempt->why.empty()) {
                audit::Event event =
                    refresh_event_of(attempt->connection, audit::kTokenRefreshFailed, attempt->why);
                events.push_back({std::move(event), clock_()});
            }
            return store::refreshes::give_back(sql, attempt->back);
        },
        [this, attempt](const Result<void> &done) {
            if (!done && ++attempt->backs_tried < kBackTries) {
                if (attempt->flight) {  // nobody needs to wait for that
                    flights_.land(attempt->flight, attempt->outcome);
                }
                return slots_->put({}, kBackPauseMs * 1000, 0, [this, attempt] { write_back(attempt); });
            }
            if (!done) {  // it runs out by itself
                log::warn("lease_not_released", {{"connection_id", attempt->claimed.connection_id}});
            }
            end(attempt, attempt->outcome);
        });
}

void RefreshEngine::end(const AttemptPtr &attempt, RefreshOutcome outcome) {
    if (attempt->flight) {
        flights_.land(attempt->flight, std::move(outcome));
    }
    {
        const std::scoped_lock lock(mutex_);
        --in_flight_;
        const auto found = of_provider_.find(attempt->claimed.provider_id);
        if (found != of_provider_.end() && --found->second == 0) {
            of_provider_.erase(found);
        }
    }
    idle_.notify_all();
    if (is_room_wanted_.exchange(false)) {
        has_room_();
    }
}

}  // namespace nexus::control
