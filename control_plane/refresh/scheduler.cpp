// Finds what is due: see scheduler.h.
#include "control_plane/refresh/scheduler.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/refresh/fair_pick.h"

namespace nexus::control {

namespace {

constexpr int64_t kWindow = 4;                       // rows that are looked at for each that may go
constexpr double kGoldenRatio = 0.6180339887498949;  // its multiples spread evenly

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
    Result<Admission> admission =
        engine_.gate().admit(provider_id, profile->rate_limits, std::min(room, options_.round),
                             options_.slot_lead_ms, options_.slot_horizon_ms);
    if (!admission) {
        return;
    }
    if (admission->slots_us.empty()) {
        round.next_at = std::min(round.next_at, std::max(admission->retry_at, now + 1));
        return;
    }
    const size_t begun = begin_some(*provider, *profile, *admission, now);
    if (begun < admission->slots_us.size()) {  // the next ones of a provider that has some are not far
        round.next_at = std::min(round.next_at, now + options_.pause.count());
        return;
    }
    const UnixMs last_slot = admission->slots_us.back() / 1000;
    if (last_slot > now) {  // limited: back when half of what was reserved has gone
        round.next_at = std::min(round.next_at, std::max(last_slot - options_.slot_horizon_ms / 2, now + 1));
    } else {
        round.has_more = true;
    }
}

// What may have been used up at a provider that takes a token once is decided at once, past its lane: as
// lost, which needs no asking, or by asking again while the grace lasts.
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
/// returns   how many were claimed
size_t Scheduler::claim(const store::Provider &provider, const OAuthProfile &profile,
                        const std::vector<store::DueRow> &rows, const std::vector<int64_t> &slots_us) {
    std::vector<std::string> ids;
    for (const store::DueRow &row : rows) {
        ids.push_back(row.connection_id);
    }
    const UnixMs now = clock_();
    Result<std::vector<store::Refresh>> claimed =
        store::refreshes::claim_due(database_, ids, engine_.owner(), now, engine_.lease_ms(profile.reuse));
    if (!claimed) {
        return 0;  // the database is away
    }
    for (size_t i = 0; i < claimed->size(); ++i) {
        const AttemptPtr attempt = make_attempt(std::move((*claimed)[i]), provider, profile.reuse,
                                                engine_.deadline_at(profile.reuse, now));
        attempt->is_scheduled = true;
        attempt->send_at_us = slots_us.empty() ? 0 : slots_us[i];
        engine_.begin(attempt);
    }
    return claimed->size();
}

/// returns how many were claimed
size_t Scheduler::begin_some(const store::Provider &provider, const OAuthProfile &profile,
                             const Admission &admission, UnixMs now) {
    const size_t count = admission.slots_us.size();
    return claim(provider, profile, pick_fairly(candidates(provider.id, now, count), count),
                 admission.slots_us);
}

// The oldest that are due; where there are more than that, also those from some moment between then and now
// on, another one each time, so that whoever came behind a workspace with very many is seen too.
std::vector<store::DueRow> Scheduler::candidates(const std::string &provider_id, UnixMs now, size_t count) {
    const auto window = static_cast<int64_t>(count) * kWindow;
    Result<std::vector<store::DueRow>> oldest =
        store::refreshes::due_rows(database_, provider_id, 1, now, window);
    if (!oldest || oldest->size() < static_cast<size_t>(window)) {
        return oldest ? std::move(*oldest) : std::vector<store::DueRow>{};
    }
    const UnixMs first = oldest->back().due_at + 1;
    look_ = std::fmod(look_ + kGoldenRatio, 1.0);
    const UnixMs from =
        first + static_cast<int64_t>(look_ * static_cast<double>(std::max<int64_t>(0, now - first)));
    Result<std::vector<store::DueRow>> later =
        store::refreshes::due_rows(database_, provider_id, from, now, window);
    if (later) {
        std::ranges::move(*later, std::back_inserter(*oldest));
    }
    return std::move(*oldest);
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
