// Refreshes connections, on demand and when they are due: many at once, each redeemed once. An attempt goes
// through stages (claimed, prepared, intent written, sent, answered, stored, told); between them it waits in
// no thread. What is decided in them is redemption.h's and lane_gate.h's business, what is due is
// scheduler.h's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/refresh/answer_journal.h"
#include "control_plane/refresh/attempt.h"
#include "control_plane/refresh/flights.h"
#include "control_plane/refresh/lane_gate.h"
#include "control_plane/refresh/redeemer.h"
#include "control_plane/refresh/redemption.h"
#include "control_plane/refresh/slot_queue.h"
#include "control_plane/store/group_commit.h"
#include "control_plane/workers/worker_pool.h"

namespace nexus::control {

/// Sends a request, within this time or not at all, and calls back once, on a thread of its own; never blocks
/// (HttpMulti::send).
using Transport = std::function<void(HttpRequest, std::function<void(Result<HttpResponse>)>,
                                     std::chrono::milliseconds send_within)>;

struct RefreshOptions {
    std::string oidc_mode = "verified";  // OIDC_MODE
    std::string journal_folder = ".";    // REFRESH_JOURNAL_DIR
    unsigned stage_threads = 4;
    size_t max_in_flight = 512;
    size_t max_in_flight_of_provider = 128;
    std::chrono::milliseconds join_wait{25000};
    std::chrono::milliseconds lease_poll{50};
    int64_t lease_wait_ms = 15 * 1000;          // for another process to finish
    std::chrono::milliseconds patience{60000};  // with a request, far beyond its attempt: late answers count
    int64_t slot_wait_ms = 500;                 // how far ahead a slot of the provider's limits may lie
};

class RefreshEngine {
public:
    RefreshEngine(store::Database &database, const Vault &vault, Discovery &discovery, TokenEndpoint endpoint,
                  Transport transport, OutboxDrainer &drainer, Clock clock, Metrics *metrics,
                  RefreshOptions options = {});
    ~RefreshEngine();  // waits for what is in flight; the transport must still work, or have ended
    RefreshEngine(const RefreshEngine &) = delete;
    RefreshEngine &operator=(const RefreshEngine &) = delete;

    /// Refreshes one connection now, or joins whoever does. Blocks.
    /// returns the connection's row afterwards, in whatever state it then is
    /// errors kConnectionNotFound, kStoreUnavailable
    ///        kStaticToken, kNoRefreshToken  forced, and nothing to refresh with
    ///        kTokenUnavailable              transient failure, or too early: nothing changed; retry_after_s
    ///        is set kProviderError                 the provider refuses our configuration: nothing changed
    Result<store::Connection> refresh(const std::string &connection_id, const RefreshWish &wish);

    /// Takes over what a scheduler has claimed. Returns at once.
    void begin(const AttemptPtr &attempt);
    /// How many more attempts may begin; of this provider.
    size_t room() const noexcept;
    size_t room_of(const std::string &provider_id) const;
    const std::string &owner() const noexcept { return owner_; }
    LaneGate &gate() noexcept { return gate_; }
    int64_t lease_ms(const RefreshReuse &reuse) const noexcept {
        return attempt_times(reuse).lease_ms + options_.slot_wait_ms;
    }
    /// Of the answer to what is claimed now.
    UnixMs deadline_at(const RefreshReuse &reuse, UnixMs now) const noexcept {
        return now + attempt_times(reuse).deadline_ms + options_.slot_wait_ms;
    }
    /// Called when there is room again after ask_for_room(). Set before anything begins.
    void on_room(std::function<void()> has_room) { has_room_ = std::move(has_room); }
    void ask_for_room() noexcept { is_room_wanted_ = true; }
    AnswerJournal &journal() noexcept { return journal_; }
    /// Stores what the journal holds, if the database takes it by now.
    void replay_journal();
    size_t in_flight() const noexcept { return in_flight_; }
    /// Waits for what is in flight, at most so long. returns whether nothing is
    bool wait_idle(std::chrono::milliseconds at_most);
    /// Waits for what is in flight, at most `grace` (0 or less: not at all); from then on sends nothing more.
    /// What was sent before has until its deadline, since the answer may hold the only copy of a token; what
    /// was not gives its lease back.
    void stop(std::chrono::milliseconds grace);

private:
    // On demand (refresh_engine.cpp).
    Result<store::Connection> lead(const std::shared_ptr<Flight> &flight, const RefreshWish &wish);
    Result<store::Connection> expire(const store::Connection &connection);
    Result<store::Connection> wait_for_other(const store::Connection &seen);
    Result<AttemptPtr> claim(const store::Connection &connection, const RefreshWish &wish);
    /// returns whether an answer of this connection was stored just now
    bool settle_journal(const std::string &connection_id);
    void replay(const std::shared_ptr<const Answer> &answer, std::function<void(bool)> done);

    // The stages of an attempt (refresh_stages.cpp, refresh_endings.cpp). Each hands it to the next, or ends
    // it.
    void prepare(const AttemptPtr &attempt);
    void intend(const AttemptPtr &attempt);
    void send_in_turn(const AttemptPtr &attempt);
    void take_new_slot(const AttemptPtr &attempt);
    void send(const AttemptPtr &attempt);
    void answered(const AttemptPtr &attempt, Result<HttpResponse> response);
    void overdue(const AttemptPtr &attempt);
    void take_late(const AttemptPtr &attempt);
    void conclude(const AttemptPtr &attempt);
    using CommitDone = std::function<void(const Result<store::Connection> &)>;
    void commit(const std::shared_ptr<const Answer> &answer, CommitDone done);
    void store(const AttemptPtr &attempt);
    void stored(const AttemptPtr &attempt, const Result<store::Connection> &row);
    void give_up(const AttemptPtr &attempt, const std::string &reason);
    void again(const AttemptPtr &attempt, store::Refresh row);
    void give_back(const AttemptPtr &attempt, store::Refresh row, const Error &error,
                   std::string_view reason);
    void write_back(const AttemptPtr &attempt);
    void not_prepared(const AttemptPtr &attempt, const Error &error);
    void nothing_to_do(const AttemptPtr &attempt);
    void tell_row(const AttemptPtr &attempt);
    void claim_again(const AttemptPtr &attempt);
    void superseded(const AttemptPtr &attempt);
    void finish(const AttemptPtr &attempt, store::Connection row);
    void end(const AttemptPtr &attempt, RefreshOutcome outcome);
    void measure(const AttemptPtr &attempt, const std::string &result);
    void in_stage(const AttemptPtr &attempt, void (RefreshEngine::*stage)(const AttemptPtr &));

    store::Database &database_;
    const Vault &vault_;
    Transport transport_;
    OutboxDrainer &drainer_;
    Clock clock_;
    Metrics *metrics_;
    const RefreshOptions options_;
    const std::string owner_;
    Redeemer redeemer_;
    LaneGate gate_;
    Slowness slowness_;
    AnswerJournal journal_;
    Flights flights_;
    std::function<void()> has_room_ = [] {};
    std::atomic<bool> is_room_wanted_ = false;
    std::atomic<bool> is_ending_ = false;
    std::atomic<size_t> replays_ = 0;  // of the journal, that were handed in
    std::atomic<size_t> in_flight_ = 0;
    mutable std::mutex mutex_;  // of of_provider_
    std::condition_variable idle_;
    std::map<std::string, size_t> of_provider_;
    // Last, so that they end first: what they run uses all of the above.
    std::unique_ptr<store::GroupCommit> commits_;
    std::unique_ptr<store::GroupCommit>
        intents_;  // apart, because what waits for a slot must not wait for answers
    std::unique_ptr<SlotQueue> slots_;
    std::unique_ptr<WorkerPool> stages_;
};

}  // namespace nexus::control
