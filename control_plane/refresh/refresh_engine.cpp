// Refreshes on demand, and what an engine is made of: see refresh_engine.h. The stages are in
// refresh_stages.cpp.
#include "control_plane/refresh/refresh_engine.h"

#include <future>
#include <thread>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/refresh/refresh_words.h"
#include "control_plane/store/refresh_repository.h"
#include "control_plane/store/transition.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

constexpr int64_t kSoonMs = 20;  // from a claim to its request, when somebody waits
constexpr int64_t kAdmitAgainMs = 1000;
constexpr unsigned kCommitThreads = 2;
constexpr std::chrono::seconds kToDeadlines{12};  // of what was sent, and for what follows the answer
constexpr unsigned kStageQueue = 100000;          // far above what may be in flight

// What somebody is told who comes while a failure still counts.
Error recent_failure(const std::string &reason, UnixMs until, UnixMs now) {
    Error error = token_unavailable_until(until, now);
    const bool is_ours =
        reason.starts_with("invalid_") || reason == "unauthorized_client" || reason == "discovery_failed";
    return is_ours ? refresh_refused(reason, error.retry_after_s) : error;
}

}  // namespace

RefreshEngine::RefreshEngine(store::Database &database, const Vault &vault, Discovery &discovery,
                             TokenEndpoint endpoint, Transport transport, OutboxDrainer &drainer, Clock clock,
                             Metrics *metrics, RefreshOptions options)
    : database_(database),
      vault_(vault),
      transport_(std::move(transport)),
      drainer_(drainer),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      owner_(crypto::random_uuid()),
      redeemer_(database, vault, discovery, std::move(endpoint), clock, metrics, options_.oidc_mode),
      gate_(database, clock, metrics),
      journal_(options_.journal_folder, vault),
      commits_(std::make_unique<store::GroupCommit>(database, kCommitThreads)),
      intents_(std::make_unique<store::GroupCommit>(database)),
      slots_(std::make_unique<SlotQueue>()),
      stages_(std::make_unique<WorkerPool>(
          WorkerPoolSizes{options_.stage_threads + 4, options_.stage_threads, kStageQueue})) {}

RefreshEngine::~RefreshEngine() {
    // Every attempt has a deadline, so this ends; what they run must not outlive us.
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return in_flight_ == 0; });
}

bool RefreshEngine::wait_idle(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, at_most, [this] { return in_flight_ == 0; });
}

void RefreshEngine::stop(std::chrono::milliseconds grace) {
    wait_idle(grace);
    is_ending_ = true;
    if (!wait_idle(kToDeadlines)) {
        log::warn("refreshes_cut_off", {{"count", static_cast<int64_t>(in_flight_)}});
    }
}

size_t RefreshEngine::room() const noexcept {
    const size_t busy = in_flight_;
    return busy >= options_.max_in_flight ? 0 : options_.max_in_flight - busy;
}

size_t RefreshEngine::room_of(const std::string &provider_id) const {
    const std::scoped_lock lock(mutex_);
    const auto found = of_provider_.find(provider_id);
    const size_t busy = found == of_provider_.end() ? 0 : found->second;
    return std::min(
        room(), busy >= options_.max_in_flight_of_provider ? 0 : options_.max_in_flight_of_provider - busy);
}

void RefreshEngine::begin(const AttemptPtr &attempt) {
    {
        const std::scoped_lock lock(mutex_);
        ++in_flight_;
        ++of_provider_[attempt->claimed.provider_id];
    }
    if (attempt->flight == nullptr) {
        auto [flight, is_ours] = flights_.join(attempt->claimed.connection_id);
        attempt->flight = is_ours ? flight : nullptr;  // whoever leads that one waits for the row
    }
    in_stage(attempt, &RefreshEngine::prepare);
}

Result<store::Connection> RefreshEngine::refresh(const std::string &connection_id, const RefreshWish &wish) {
    Result<store::Connection> connection = store::connections::get(database_, connection_id);
    if (!connection) {
        return connection;
    }
    switch (decide_refresh(*connection, wish, clock_())) {
        case RefreshDecision::kServe:
            return connection;
        case RefreshDecision::kExpire:
            return expire(*connection);
        case RefreshDecision::kNotRefreshable: {
            Result<store::Provider> provider = store::providers::get_any(database_, connection->provider_id);
            return provider ? not_refreshable(*provider) : fail(provider.error());
        }
        case RefreshDecision::kRefresh:
            break;
    }
    const auto [flight, is_ours] = flights_.join(connection_id);
    if (is_ours) {
        RefreshOutcome outcome = fail(Errc::kInternal, "the refresh did not finish");
        try {
            outcome = lead(flight, wish);
        } catch (const std::exception &) {
            // The waiters get the error above; the exception itself says nothing that a caller may see.
        }
        flights_.land(flight, std::move(outcome));  // if the attempt's end has not
    }
    return flights_.wait(flight, options_.join_wait);
}

// The row may have moved since the caller looked: decided again here, and once more under the lease.
Result<store::Connection> RefreshEngine::lead(const std::shared_ptr<Flight> &flight,
                                              const RefreshWish &wish) {
    const UnixMs give_up_at = clock_() + options_.lease_wait_ms;
    while (true) {
        const bool is_stored_just_now = settle_journal(flight->connection_id);
        Result<store::Connection> connection = store::connections::get(database_, flight->connection_id);
        if (connection && is_stored_just_now && !is_nearly_expired(*connection, clock_())) {
            return connection;  // newer than what anybody has seen
        }
        if (!connection || decide_refresh(*connection, wish, clock_()) != RefreshDecision::kRefresh) {
            return connection;
        }
        if (is_ending_) {
            return fail(token_unavailable(1));
        }
        Result<AttemptPtr> attempt = claim(*connection, wish);
        if (!attempt) {
            return fail(attempt.error());
        }
        if (*attempt) {
            (*attempt)->flight = flight;
            begin(*attempt);
            return flights_.wait(flight, options_.join_wait);
        }
        if (clock_() >= give_up_at) {
            return fail(token_unavailable(1));
        }
        Result<store::Connection> moved = wait_for_other(*connection);
        if (!moved || moved->generation != connection->generation) {
            return moved;  // that other refresh is the answer, also to a forced caller
        }
    }
}

/// returns nullptr: somebody else has the lease
Result<AttemptPtr> RefreshEngine::claim(const store::Connection &connection, const RefreshWish &wish) {
    Result<store::Refresh> row = store::refreshes::get(database_, connection.id);
    if (!row) {
        return fail(row.error());
    }
    const UnixMs now = clock_();
    if (row->attempts > 0 && row->due_at > now && row->lease_until <= now) {
        return fail(recent_failure(row->reason, row->due_at, now));
    }
    Result<store::Provider> provider = store::providers::get(database_, connection.provider_id);
    if (!provider) {
        return fail(provider.error());
    }
    Result<OAuthProfile> profile = stored_oauth_profile(provider->oauth);
    if (!profile) {
        return fail(profile.error());
    }
    Result<std::optional<store::Refresh>> claimed =
        store::refreshes::claim(database_, connection.id, owner_, now, lease_ms(profile->reuse));
    if (!claimed) {
        return fail(claimed.error());
    }
    if (!*claimed) {
        return AttemptPtr{};
    }
    AttemptPtr attempt = make_attempt(std::move(**claimed), std::move(*provider), profile->reuse,
                                      deadline_at(profile->reuse, now));
    attempt->wish = wish;
    Result<Admission> admission =
        gate_.admit(attempt->provider.id, profile->rate_limits, 1, kSoonMs, options_.slot_wait_ms);
    if (admission && !admission->slots_us.empty()) {
        attempt->send_at_us = admission->slots_us.front();
        return attempt;
    }
    (void)store::refreshes::give_back(database_, untouched(attempt->claimed, now + kAdmitAgainMs));
    return admission ? fail(recent_failure(admission->reason, admission->retry_at, now))
                     : fail(admission.error());
}

// Another process holds the lease: waits for the row to move or the lease to be free, within bounds.
Result<store::Connection> RefreshEngine::wait_for_other(const store::Connection &seen) {
    const UnixMs give_up_at = clock_() + options_.lease_wait_ms;
    while (true) {
        {
            const WaitingElsewhere waiting;
            std::this_thread::sleep_for(options_.lease_poll);
        }
        Result<store::Connection> connection = store::connections::get(database_, seen.id);
        if (!connection || connection->generation != seen.generation || clock_() >= give_up_at ||
            is_ending_) {
            return connection;
        }
        Result<store::Refresh> row = store::refreshes::get(database_, seen.id);
        if (!row || row->lease_until <= clock_()) {
            return row ? std::move(connection) : fail(row.error());
        }
    }
}

Result<store::Connection> RefreshEngine::expire(const store::Connection &connection) {
    store::ConnectionChange change;
    change.state = connection::State::kExpired;
    const UnixMs now = clock_();
    auto moved = database_.transact([&](store::Transaction &sql) {
        return store::change_connection(sql, connection.id, connection.generation, change,
                                        refresh_event(audit::kConnectionExpired, {}), now);
    });
    if (!moved && moved.error().errc == Errc::kConflict) {
        return store::connections::get(database_, connection.id);
    }
    if (moved) {
        log::info("connection_expired", {{"connection_id", connection.id}});
        (void)drainer_.flush(redis::EventKind::kToken, moved->id, moved->generation);
    }
    return moved;
}

void RefreshEngine::replay(const std::shared_ptr<const Answer> &answer,
                           std::function<void(bool is_stored)> done) {
    commit(answer, [this, answer, done = std::move(done)](const Result<store::Connection> &row) {
        if (row) {
            log::info("journal_answer_stored", {{"connection_id", answer->connection_id}});
            drainer_.notify();
        }
        if (row || is_superseded(row.error().errc)) {
            journal_.forget(*answer);
        }
        done(row.has_value());
    });
}

void RefreshEngine::replay_journal() {
    if (replays_ > 0) {
        return;  // the last round has not ended: the database is slow to refuse
    }
    for (const std::shared_ptr<const Answer> &answer : journal_.waiting()) {
        ++replays_;
        replay(answer, [this](bool) { --replays_; });
    }
}

bool RefreshEngine::settle_journal(const std::string &connection_id) {
    bool is_any_stored = false;
    for (const std::shared_ptr<const Answer> &answer : journal_.waiting_of(connection_id)) {
        std::promise<bool> done;
        replay(answer, [&done](bool is_stored) { done.set_value(is_stored); });
        const WaitingElsewhere waiting;
        is_any_stored = done.get_future().get() || is_any_stored;
    }
    return is_any_stored;
}

}  // namespace nexus::control
