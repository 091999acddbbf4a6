// Finds what is due: see scheduler.h.
#include "control_plane/refresh/scheduler.h"

#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/refresh/fair_pick.h"

namespace nexus::control {

namespace {

constexpr int64_t kWindow = 4;  // rows that are looked at for each that may go

bool has_client_limit(const OAuthProfile &profile) {
    return std::ranges::any_of(profile.rate_limits,
                               [](const RateLimit &limit) { return limit.per == RateLimit::Per::kClient; });
}

int64_t slowest_interval_us(const OAuthProfile &profile) {
    int64_t slowest = 0;
    for (const RateLimit &limit : profile.rate_limits) {
        slowest =
            limit.per == RateLimit::Per::kClient ? std::max(slowest, pace_of(limit).interval_us) : slowest;
    }
    return slowest;
}

}  // namespace

Scheduler::Scheduler(store::Database &database, RefreshEngine &engine, Clock clock, Metrics *metrics,
                     SchedulerOptions options)
    : database_(database), engine_(engine), clock_(std::move(clock)), metrics_(metrics), options_(options) {
    engine_.on_room([this] { notify(); });
}

Scheduler::~Scheduler() {
    stop();
}

void Scheduler::start() {
    const size_t adopted = engine_.journal().adopt();
    if (adopted > 0) {
        log::warn("refresh_journal_adopted", {{"answers", static_cast<int64_t>(adopted)}});
    }
    thread_ = std::thread([this] { run(); });
}

void Scheduler::stop() {
    {
        const std::scoped_lock lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Scheduler::notify() {
    {
        const std::scoped_lock lock(mutex_);
        is_notified_ = true;
    }
    wake_.notify_all();
}

void Scheduler::run() noexcept {
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
        is_notified_ = false;
        lock.unlock();
        UnixMs next_at = 0;
        try {
            next_at = run_once();
        } catch (const std::exception &) {
            log::error("refresh_round_failed");
            next_at = clock_() + options_.longest_sleep.count();
        }
        lock.lock();
        // However much happens, rounds keep a little distance: each one takes many.
        wake_.wait_for(lock, options_.shortest_sleep, [this] { return is_stopping_; });
        const auto left = std::chrono::milliseconds(next_at - clock_());
        wake_.wait_for(lock, std::min(left, options_.longest_sleep),
                       [this] { return is_stopping_ || is_notified_; });
    }
}

UnixMs Scheduler::run_once() {
    const UnixMs now = clock_();
    Round round{now + options_.longest_sleep.count(), false};
    if (engine_.journal().size() > 0) {
        engine_.replay_journal();
    }
    Result<std::vector<store::DueProvider>> providers = store::refreshes::due_providers(database_);
    if (!providers) {
        return round.next_at;  // the database is away
    }
    report(*providers, now);
    std::erase_if(*providers, [&](const store::DueProvider &one) {
        if (one.due_at > now) {
            round.next_at = std::min(round.next_at, one.due_at);
        }
        return one.due_at > now;
    });
    for (size_t i = 0; i < providers->size(); ++i) {
        serve((*providers)[(first_ + i) % providers->size()].provider_id, round);
    }
    ++first_;
    return round.has_more ? now : round.next_at;
}

void Scheduler::serve(const std::string &provider_id, Round &round) {
    const UnixMs now = clock_();
    const auto room = static_cast<int64_t>(engine_.room_of(provider_id));
    if (room == 0) {
        return engine_.ask_for_room();
    }
    Result<store::Provider> provider = store::providers::get(database_, provider_id);
    if (!provider) {
        return;
    }
    Result<OAuthProfile> profile = stored_oauth_profile(provider->oauth);
    if (!profile) {
        return;
    }
    settle_open(*provider, *profile);
    Result<Admission> admission = engine_.gate().admit(
        provider_id, profile->rate_limits, std::min(room, options_.round), options_.slot_horizon_ms);
    if (!admission) {
        return;
    }
    if (admission->slots_us.empty()) {
        round.next_at = std::min(round.next_at, std::max(admission->retry_at, now + 1));
        return;
    }
    const int64_t begun = begin_some(*provider, *profile, *admission, now);
    if (begun < static_cast<int64_t>(admission->slots_us.size())) {
        return;
    }
    const UnixMs last_slot = admission->slots_us.back() / 1000;
    if (last_slot > now) {  // limited: back when half of what was reserved has gone
        round.next_at = std::min(round.next_at, std::max(last_slot - options_.slot_horizon_ms / 2, now + 1));
    } else {
        round.has_more = true;
    }
}

// What may have been used up at a provider that takes a token once is decided at once, past its lane: as lost,
// which needs no asking, or by asking again while the grace lasts.
void Scheduler::settle_open(const store::Provider &provider, const OAuthProfile &profile) {
    if (profile.reuse.use != RefreshReuse::Use::kSingleUse) {
        return;
    }
    Result<std::vector<store::DueRow>> rows =
        store::refreshes::open_rows(database_, provider.id, clock_(), options_.round);
    if (rows && !rows->empty()) {
        claim(provider, profile, *rows, {});
    }
}

/// slots_us  one for each row; none = at once
/// returns   how many were claimed; nullopt: the database is away
std::optional<size_t> Scheduler::claim(const store::Provider &provider, const OAuthProfile &profile,
                                       const std::vector<store::DueRow> &rows,
                                       const std::vector<int64_t> &slots_us) {
    std::vector<std::string> ids;
    for (const store::DueRow &row : rows) {
        ids.push_back(row.connection_id);
    }
    const UnixMs now = clock_();
    Result<std::vector<store::Refresh>> claimed = store::refreshes::claim_due(
        database_, ids, engine_.owner(), now, engine_.lease_ms(profile.reuse));
    if (!claimed) {
        return std::nullopt;
    }
    for (size_t i = 0; i < claimed->size(); ++i) {
        auto attempt = std::make_shared<Attempt>();
        attempt->claimed = std::move((*claimed)[i]);
        attempt->is_scheduled = true;
        attempt->reuse = profile.reuse;
        attempt->provider = provider;
        attempt->deadline_at = now + attempt_times(profile.reuse).deadline_ms + engine_.slot_wait_ms();
        attempt->send_at_us = slots_us.empty() ? 0 : slots_us[i];
        engine_.begin(attempt);
    }
    return claimed->size();
}

/// returns how many were claimed
int64_t Scheduler::begin_some(const store::Provider &provider, const OAuthProfile &profile,
                              const Admission &admission, UnixMs now) {
    const size_t count = admission.slots_us.size();
    const auto window = static_cast<int64_t>(count) * kWindow;
    Result<std::vector<store::DueRow>> rows =
        store::refreshes::due_rows(database_, provider.id, now, window);
    if (!rows) {
        return 0;
    }
    const bool is_crowded = rows->size() == static_cast<size_t>(window);
    FairPick pick = pick_fairly(std::move(*rows), count);
    const std::optional<size_t> claimed = claim(provider, profile, pick.taken, admission.slots_us);
    if (!claimed) {
        return 0;
    }
    if (is_crowded && has_client_limit(profile)) {
        make_way(std::move(pick.left), profile, *claimed, now);
    }
    return static_cast<int64_t>(*claimed);
}

// There is more due than may go: what cannot be served for a while is moved to about when it can, so that the
// window shows whoever else is waiting.
void Scheduler::make_way(std::vector<store::DueRow> left, const OAuthProfile &profile, size_t taken,
                         UnixMs now) {
    const int64_t interval_us = slowest_interval_us(profile);
    const size_t step = std::max<size_t>(taken, 1);
    for (size_t first = 0; first < left.size(); first += step) {
        std::vector<std::string> ids;
        for (size_t i = first; i < std::min(first + step, left.size()); ++i) {
            ids.push_back(std::move(left[i].connection_id));
        }
        const auto ahead = static_cast<int64_t>(first + step);
        if (!store::refreshes::postpone(database_, ids, now, now + ahead * interval_us / 1000)) {
            return;
        }
    }
}

void Scheduler::report(const std::vector<store::DueProvider> &providers, UnixMs now) {
    if (metrics_ == nullptr) {
        return;
    }
    UnixMs oldest = now;
    for (const store::DueProvider &one : providers) {
        oldest = std::min(oldest, one.due_at);
    }
    metrics_->refresh_overdue(static_cast<double>(now - oldest) / 1000);
    metrics_->refreshes_in_flight(engine_.in_flight());
    metrics_->refresh_journal(engine_.journal().size());
}

}  // namespace nexus::control
