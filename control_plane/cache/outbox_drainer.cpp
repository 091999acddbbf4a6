// The drainer's loop. It believes nothing it remembers: each round reads the due rows and rebuilds their
// records, so that a restart, a second nexusd or an emptied Redis needs no special case.
#include "control_plane/cache/outbox_drainer.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"

namespace nexus::control {

namespace {

constexpr int kMaxLastRounds = 50;    // at the stop; the rest is the next start's
constexpr size_t kMaxOffered = 4096;  // after Redis was emptied, edges ask for more than that again

/// As if the outbox had a row of it.
store::OutboxEntry entry_of(const CacheKey &key) {
    store::OutboxEntry entry;
    entry.kind = key.kind;
    entry.id = key.id;
    return entry;
}

}  // namespace

struct OutboxDrainer::Impl {
    Impl(store::Database &store_database, CacheWriter &cache_writer, RecordSource record_source, Clock now,
         const DrainerOptions &drainer_options, Metrics *drainer_metrics)
        : database(store_database),
          writer(cache_writer),
          source(std::move(record_source)),
          clock(std::move(now)),
          options(drainer_options),
          metrics(drainer_metrics) {}

    void run() noexcept;
    bool drain_once();
    bool is_out_of_time();
    void write_offered();
    void write_what_may_be_lost();
    Result<void> bring(const CacheKey &key, const CacheRecord &record);
    Result<void> settle_refused(const CacheKey &key);
    Result<void> write_guarded(const store::OutboxEntry &entry);
    Result<void> write(const store::OutboxEntry &entry);
    Result<WriteOutcome> send(const CacheRecord &record);
    int64_t delay_after(int64_t attempts) const;
    void report_depth();

    store::Database &database;
    CacheWriter &writer;
    const RecordSource source;
    const Clock clock;
    const DrainerOptions options;
    Metrics *const metrics;

    std::mutex mutex;
    std::condition_variable wake;
    bool is_stopping = false;
    std::chrono::steady_clock::time_point stop_at{};
    bool is_notified = false;
    std::set<CacheKey> offered;
    std::set<CacheKey> doubtful;  // of the thread: to be written again, for as long as it takes
    std::thread thread;
};

int64_t OutboxDrainer::Impl::delay_after(int64_t attempts) const {
    const int64_t doubled = options.first_retry.count() << std::clamp<int64_t>(attempts, 0, 16);
    return std::min<int64_t>(doubled, options.last_retry.count());
}

Result<WriteOutcome> OutboxDrainer::Impl::send(const CacheRecord &record) {
    if (const auto *token = std::get_if<record::TokenRecord>(&record)) {
        return writer.write_token(*token);
    }
    if (const auto *issuer = std::get_if<record::IssuerRecord>(&record)) {
        return writer.write_issuer(*issuer);
    }
    return writer.write_caller(std::get<record::CallerRecord>(record));
}

Result<void> OutboxDrainer::Impl::bring(const CacheKey &key, const CacheRecord &record) {
    Result<WriteOutcome> sent = send(record);
    if (!sent) {
        return fail(sent.error());
    }
    return *sent == WriteOutcome::kRefused ? settle_refused(key) : Result<void>{};
}

/// Redis has a newer one. What is committed comes first, so the row, read again, is as new at least, unless
/// the database has gone back: then Redis and edges would refuse all that it says, a revoke too. So the row
/// is moved ahead of them.
Result<void> OutboxDrainer::Impl::settle_refused(const CacheKey &key) {
    const Result<uint64_t> held = writer.held_generation(key);
    if (!held) {
        return fail(held.error());
    }
    Result<std::optional<CacheRecord>> record = source(entry_of(key));
    if (!record || !*record) {
        return record ? Result<void>{} : fail(record.error());
    }
    const uint64_t ours = std::visit([](const auto &one) { return one.generation; }, **record);
    if (ours == *held) {
        return {};
    }
    if (ours < *held) {
        Result<bool> is_raised = database.transact([&](store::Transaction &sql) {
            return store::outbox::catch_up(sql, key.kind, key.id, static_cast<int64_t>(*held), clock());
        });
        if (!is_raised) {
            return fail(is_raised.error());
        }
        if (*is_raised) {
            log::error("database_behind_redis", {{"kind", redis::to_string(key.kind)},
                                                 {"id", key.id},
                                                 {"generation", ours},
                                                 {"redis_generation", *held}});
        }
        record = source(entry_of(key));
        if (!record || !*record) {
            return record ? Result<void>{} : fail(record.error());
        }
    }
    const Result<WriteOutcome> sent = send(**record);
    if (!sent) {
        return fail(sent.error());
    }
    return *sent == WriteOutcome::kRefused ? fail(Errc::kConflict, "Redis was written to meanwhile")
                                           : Result<void>{};
}

Result<void> OutboxDrainer::Impl::write(const store::OutboxEntry &entry) {
    Result<std::optional<CacheRecord>> record = source(entry);
    if (!record) {
        return fail(record.error());
    }
    return *record ? bring({entry.kind, entry.id}, **record) : Result<void>{};
}

Result<void> OutboxDrainer::Impl::write_guarded(const store::OutboxEntry &entry) {
    try {
        return write(entry);
    } catch (const std::exception &) {
        return fail(Errc::kInternal, "a record could not be rebuilt");
    }
}

/// A slow Redis must not keep the process: what is left is the next start's, or another nexusd's.
bool OutboxDrainer::Impl::is_out_of_time() {
    const std::scoped_lock lock(mutex);
    return is_stopping && std::chrono::steady_clock::now() >= stop_at;
}

/// returns whether there may be more to do at once
bool OutboxDrainer::Impl::drain_once() {
    Result<std::vector<store::OutboxEntry>> due = store::outbox::due(database, clock(), options.batch);
    if (!due) {
        return false;  // the database is away: the next round asks again
    }
    bool is_cache_up = true;
    bool is_cut_short = false;
    std::vector<store::OutboxEntry> done;
    for (const store::OutboxEntry &entry : *due) {
        if (is_out_of_time()) {
            is_cut_short = true;
            break;
        }
        const Result<void> written =
            is_cache_up ? write_guarded(entry) : fail(Errc::kCacheUnavailable, "Redis is not available");
        if (written) {
            done.push_back(entry);
            continue;
        }
        if (is_cache_up && entry.attempts == 0) {
            log::warn("cache_write_postponed", {{"id", entry.id}, {"reason", written.error().message}});
        }
        // In a cluster it may be this record's node alone.
        is_cache_up = is_cache_up && (written.error().errc != Errc::kCacheUnavailable || writer.ping());
        if (!store::outbox::postpone(database, entry, clock() + delay_after(entry.attempts))) {
            return false;
        }
    }
    // Only now, since a commit takes longer than a write to Redis, which edges wait for; and each for itself,
    // since rows that are locked together could be in the way of those that write them.
    for (const store::OutboxEntry &entry : done) {
        if (!store::outbox::done(database, entry)) {
            return false;
        }
    }
    report_depth();
    return due->size() == static_cast<size_t>(options.batch) && is_cache_up && !is_cut_short;
}

void OutboxDrainer::Impl::write_offered() {
    std::set<CacheKey> batch;
    {
        const std::scoped_lock lock(mutex);
        batch.swap(offered);
    }
    for (const CacheKey &key : batch) {
        if (is_out_of_time()) {
            return;
        }
        const Result<void> written = write(entry_of(key));
        if (!written && written.error().errc == Errc::kCacheUnavailable) {
            return;  // the next read offers it again
        }
    }
}

/// A revoke among it would otherwise be undone by a failover.
void OutboxDrainer::Impl::write_what_may_be_lost() {
    const std::vector<CacheKey> found = writer.look_for_losses();
    if (!found.empty()) {
        log::warn("cache_written_again",
                  {{"reason", "a Redis server was lost or replaced"}, {"records", found.size()}});
        doubtful.insert(found.begin(), found.end());
    }
    for (auto next = doubtful.begin(); next != doubtful.end();) {
        if (is_out_of_time()) {
            return;
        }
        const Result<void> written = write(entry_of(*next));
        const Errc errc = written ? Errc::kInternal : written.error().errc;
        const bool is_later = errc == Errc::kCacheUnavailable || errc == Errc::kStoreUnavailable;
        if (is_later && !writer.ping()) {
            return;
        }
        next = is_later ? std::next(next) : doubtful.erase(next);
    }
}

void OutboxDrainer::Impl::report_depth() {
    if (metrics == nullptr) {
        return;
    }
    if (Result<int64_t> depth = store::outbox::depth(database); depth) {
        metrics->outbox_depth(*depth);
    }
}

void OutboxDrainer::Impl::run() noexcept {
    int last_rounds = 0;
    while (true) {
        bool is_last = false;
        {
            const std::scoped_lock lock(mutex);
            is_last = is_stopping;  // seen before the round, so that it takes what was committed until now
            is_notified = false;
        }
        bool has_more = false;
        try {
            has_more = drain_once();
            if (!is_last) {
                write_what_may_be_lost();
                write_offered();
            }
        } catch (...) {
            log::error("outbox_round_failed");
        }
        if (is_last && (!has_more || ++last_rounds == kMaxLastRounds)) {
            return;
        }
        std::unique_lock lock(mutex);
        if (!has_more) {
            // Short waits while rows are being retried cost one indexed query each.
            const auto wait = std::min(options.poll, options.last_retry);
            wake.wait_for(lock, wait, [this] { return is_stopping || is_notified || !offered.empty(); });
        }
    }
}

OutboxDrainer::OutboxDrainer(store::Database &database, CacheWriter &writer, RecordSource source, Clock clock,
                             DrainerOptions options, Metrics *metrics)
    : impl_(std::make_unique<Impl>(database, writer, std::move(source), std::move(clock), options, metrics)) {
}

OutboxDrainer::~OutboxDrainer() {
    stop();
}

void OutboxDrainer::start() {
    const std::scoped_lock lock(impl_->mutex);
    if (!impl_->thread.joinable()) {
        impl_->is_stopping = false;
        impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
    }
}

void OutboxDrainer::stop() {
    {
        const std::scoped_lock lock(impl_->mutex);
        impl_->is_stopping = true;
        impl_->stop_at = std::chrono::steady_clock::now() + impl_->options.at_stop;
    }
    impl_->wake.notify_all();
    if (impl_->thread.joinable()) {
        impl_->thread.join();
    }
}

void OutboxDrainer::notify() {
    {
        const std::scoped_lock lock(impl_->mutex);
        impl_->is_notified = true;
    }
    impl_->wake.notify_all();
}

void OutboxDrainer::offer(redis::EventKind kind, std::string_view id) {
    {
        const std::scoped_lock lock(impl_->mutex);
        if (impl_->offered.size() >= kMaxOffered) {
            return;
        }
        impl_->offered.insert({kind, std::string(id)});
    }
    impl_->wake.notify_all();
}

Result<void> OutboxDrainer::flush(redis::EventKind kind, std::string_view id, int64_t generation) {
    store::OutboxEntry entry = entry_of({kind, std::string(id)});
    entry.generation = generation;
    Result<void> written = impl_->write_guarded(entry);
    if (written) {
        written = store::outbox::done(impl_->database, entry);
    }
    if (!written) {
        notify();
    }
    return written;
}

}  // namespace nexus::control
