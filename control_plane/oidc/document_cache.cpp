// Documents in memory: see document_cache.h.
#include "control_plane/oidc/document_cache.h"

#include <algorithm>
#include <vector>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/workers/worker_pool.h"

namespace nexus::control {

namespace {

// Threads that may wait for one document, so that a provider that hangs, or tokens with forged key ids, leave
// the others to everyone else.
constexpr unsigned kMaxWaiters = 40;
constexpr unsigned kMaxKeyWaiters = 4;

constexpr double kEarliest = 0.7;
constexpr double kLatest = 0.9;

}  // namespace

DocumentCache::DocumentCache(Fetch fetch, store::Database &database, Clock clock, Metrics *metrics,
                             DocumentOptions options)
    : database_(database),
      clock_(clock),
      metrics_(metrics),
      options_(options),
      renewal_(std::move(fetch), database, std::move(clock), metrics, std::move(options)) {}

Result<ParsedDocument> DocumentCache::get(const DocumentUse &use) {
    std::unique_lock lock(mutex_);
    const std::shared_ptr<Entry> entry = entry_of(use.key);
    const auto will_do = [&] {
        return need_of(entry->state, use, DocumentWish::kUse, clock_()) == DocumentNeed::kNone;
    };
    if (!use.is_warm_up) {
        entry->last_used_at = clock_();
    }
    if (will_do()) {
        count(use, "cached");
        return entry->state.parsed;
    }
    if (entry->is_renewing) {
        wait_for_renewal(lock, *entry);
    }
    if (!entry->is_renewing && clock_() >= entry->look_again_at && !will_do()) {
        renew(lock, *entry, use, DocumentWish::kUse);
    }
    return answer(*entry, use);
}

std::shared_ptr<DocumentCache::Entry> DocumentCache::entry_of(const store::DocumentKey &key) {
    const auto known = entries_.find(key);
    if (known != entries_.end()) {
        return known->second;
    }
    make_room();
    auto entry = std::make_shared<Entry>();
    entry->state.row.key = key;
    entry->state.early = kEarliest + (kLatest - kEarliest) * renewal_.random();
    entries_.emplace(key, entry);
    return entry;
}

void DocumentCache::make_room() {
    while (entries_.size() >= kMaxEntries) {
        entries_.erase(std::ranges::min_element(
            entries_, {}, [](const auto &entry) { return entry.second->last_used_at; }));
    }
}

// Runs without the lock: whoever is content with what is known does not notice.
void DocumentCache::renew(std::unique_lock<std::mutex> &lock, Entry &entry, const DocumentUse &use,
                          DocumentWish wish) {
    entry.is_renewing = true;
    entry.use = use;
    entry.use.has_key = nullptr;
    entry.use.is_warm_up = false;
    DocumentState state = entry.state;
    lock.unlock();
    Result<void> ran = fail(Errc::kInternal, "the document could not be renewed");
    try {
        ran = renewal_.run(state, use, wish);
    } catch (const std::exception &) {
        log::error("oidc_document_renewal_failed");  // the error above is what callers get
    }
    lock.lock();
    state.row.body.clear();
    entry.state = std::move(state);
    if (!ran) {
        entry.state.error = ran.error();
    }
    const UnixMs now = clock_();
    const bool will_do = need_of(entry.state, use, wish, now) == DocumentNeed::kNone;
    // A warm-up leaves the asking to another process that has begun: whoever has a use for the document
    // waits.
    const bool is_left_to_users = use.is_warm_up && !entry.state.parsed;
    entry.look_again_at = will_do || is_left_to_users ? 0 : now + kLookAgainMs;
    entry.is_renewing = false;
    entry.renewed.notify_all();
}

// A stale document is an answer; a missing one, or a missing key, is worth a wait.
void DocumentCache::wait_for_renewal(std::unique_lock<std::mutex> &lock, Entry &entry) const {
    const bool has_document = entry.state.parsed != nullptr;
    const bool is_stale = has_document && clock_() >= due_at(entry.state, entry.use);
    if (is_stale || entry.waiters >= (has_document ? kMaxKeyWaiters : kMaxWaiters)) {
        return;
    }
    const WaitingElsewhere waiting;
    ++entry.waiters;
    entry.renewed.wait_for(lock, has_document ? options_.key_wait : options_.lease_wait,
                           [&] { return !entry.is_renewing; });
    --entry.waiters;
}

Result<ParsedDocument> DocumentCache::answer(const Entry &entry, const DocumentUse &use) const {
    if (entry.state.parsed) {
        if (clock_() >= due_at(entry.state, use)) {
            count(use, "stale");
        }
        return entry.state.parsed;
    }
    Error error = entry.state.error.value_or(
        Error{Errc::kProviderUnavailable, "the provider's document is not there yet", {}, 1});
    if (error.errc == Errc::kProviderUnavailable || error.errc == Errc::kProviderSilent) {
        const UnixMs wait = entry.state.row.next_attempt_at - clock_();
        error.retry_after_s = std::max<int64_t>(1, (wait + 999) / 1000);
    }
    return fail(std::move(error));
}

void DocumentCache::count(const DocumentUse &use, std::string_view result) const {
    if (metrics_ != nullptr && use.key.kind == "discovery" && !use.is_warm_up) {
        metrics_->oidc_discovery_served(result);
    }
}

bool DocumentCache::refresh_one() {
    std::unique_lock lock(mutex_);
    const UnixMs now = clock_();
    std::shared_ptr<Entry> chosen;
    for (const auto &[key, entry] : entries_) {
        if (entry->is_renewing || !entry->is_warm(now) || now < entry->look_again_at ||
            now < entry->state.row.next_attempt_at ||
            need_of(entry->state, entry->use, DocumentWish::kEarly, now) == DocumentNeed::kNone) {
            continue;
        }
        if (!chosen || due_at(entry->state, entry->use) < due_at(chosen->state, chosen->use)) {
            chosen = entry;
        }
    }
    if (!chosen) {
        return false;
    }
    const DocumentUse use = chosen->use;
    renew(lock, *chosen, use, DocumentWish::kEarly);
    return true;
}

void DocumentCache::write_uses() {
    std::vector<std::pair<store::DocumentKey, UnixMs>> used;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto &[key, entry] : entries_) {
            if (entry->last_used_at - entry->state.row.last_used_at >= kTouchMs && !entry->is_renewing) {
                entry->state.row.last_used_at = entry->last_used_at;
                used.emplace_back(key, entry->last_used_at);
            }
        }
    }
    for (const auto &[key, at] : used) {
        if (!store::documents::touch(database_, key, at)) {
            return;  // the database is away; the next use is written again
        }
    }
}

int64_t DocumentCache::forget_unused() {
    const UnixMs now = clock_();
    return store::documents::forget_unused(database_, now - kForgetMs, now - kForgetEmptyMs).value_or(0);
}

void DocumentCache::report_ages() {
    if (metrics_ == nullptr) {
        return;
    }
    UnixMs discovery = 0;
    UnixMs jwks = 0;
    {
        const std::scoped_lock lock(mutex_);
        const UnixMs now = clock_();
        for (const auto &[key, entry] : entries_) {
            if (entry->is_warm(now)) {
                UnixMs &oldest = key.kind == "discovery" ? discovery : jwks;
                oldest = std::max(oldest, now - entry->state.row.checked_at);
            }
        }
    }
    metrics_->oidc_document_age("discovery", static_cast<double>(discovery) / 1000);
    metrics_->oidc_document_age("jwks", static_cast<double>(jwks) / 1000);
}

}  // namespace nexus::control
