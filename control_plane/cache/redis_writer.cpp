// RedisWriter: seal, then one script call that guards the generation and publishes the event.
#include <chrono>
#include <mutex>
#include <set>
#include <utility>

#include "control_plane/cache/cache_writer.h"
#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/redis/client.h"
#include "shared/caller/identity.h"
#include "shared/redis/keys.h"

namespace nexus::control {

struct RedisWriter::Impl {
    Impl(const RedisTarget &redis_target, std::shared_ptr<const crypto::Keyring> keyring, Clock now,
         const RedisOptions &options, Metrics *writer_metrics)
        : target(redis_target.clone()),
          keys(std::move(keyring)),
          clock(std::move(now)),
          metrics(writer_metrics),
          look_every(options.look_every),
          client(make_redis_client(target, options, metrics)) {}

    Result<WriteOutcome> write(const redis::Event &event, std::string_view key, std::string_view sealed,
                               int64_t lifetime_ms);
    void answered();
    Result<WriteOutcome> counted(std::string_view kind, Result<WriteOutcome> outcome) const;

    const RedisTarget target;
    const std::shared_ptr<const crypto::Keyring> keys;
    const Clock clock;
    Metrics *const metrics;
    const std::chrono::milliseconds look_every;
    std::mutex mutex;  // of the client
    const std::unique_ptr<RedisClient> client;
    RecentWrites recent;
    std::set<CacheKey> lost;  // with a server, and not told yet
    uint64_t seen_epoch = 0;
    std::chrono::steady_clock::time_point look_again_at{};
};

/// A server has answered. If it is another one, or was lost meanwhile, what was written before may be gone:
/// put aside at once, because this answer is the first of a new minute.
void RedisWriter::Impl::answered() {
    if (client->epoch() == seen_epoch) {
        return recent.answered(client->answerer(), std::chrono::steady_clock::now());
    }
    seen_epoch = client->epoch();
    for (CacheKey &key : recent.take()) {
        if (lost.size() < RecentWrites::kMost) {
            lost.insert(std::move(key));
        }
    }
}

Result<WriteOutcome> RedisWriter::Impl::write(const redis::Event &event, std::string_view key,
                                              std::string_view sealed, int64_t lifetime_ms) {
    const std::string generation = std::to_string(event.generation);
    const std::string lifetime = std::to_string(lifetime_ms);
    const std::string json = redis::to_json(event);
    const std::scoped_lock lock(mutex);
    const std::string_view arguments[] = {generation, sealed, lifetime, json, redis::kEventChannel};
    Result<resp::Reply> reply = client->script(redis::kWriteRecordScript, key, arguments);
    if (!reply) {
        // An edge's subscription may well live, at another node: it would go on with what was revoked. Who
        // hears it asks nexusd.
        static_cast<void>(client->publish_elsewhere(redis::kEventChannel, json));
        return fail(reply.error());
    }
    answered();
    if ((*reply)->type == REDIS_REPLY_INTEGER && (*reply)->integer == 0) {
        return WriteOutcome::kRefused;
    }
    recent.note(client->answerer(), {event.kind, event.id}, std::chrono::steady_clock::now());
    return WriteOutcome::kWritten;
}

Result<WriteOutcome> RedisWriter::Impl::counted(std::string_view kind, Result<WriteOutcome> outcome) const {
    if (metrics != nullptr) {
        metrics->cache_write(kind, !outcome                             ? "error"
                                   : *outcome == WriteOutcome::kWritten ? "written"
                                                                        : "refused");
    }
    return outcome;
}

RedisWriter::RedisWriter(const RedisTarget &target, std::shared_ptr<const crypto::Keyring> keys, Clock clock,
                         RedisOptions options, Metrics *metrics)
    : impl_(std::make_unique<Impl>(target, std::move(keys), std::move(clock), options, metrics)) {}
RedisWriter::~RedisWriter() = default;

Result<WriteOutcome> RedisWriter::write_token(const record::TokenRecord &record) {
    const int64_t lifetime = token_lifetime_ms(record, impl_->clock());
    if (lifetime <= 0) {
        return WriteOutcome::kExpired;
    }
    Result<std::string> sealed = record::seal_token(*impl_->keys, record);
    if (!sealed) {
        return fail(sealed.error());
    }
    const redis::Event event{redis::EventKind::kToken, record.connection_id, record.generation};
    return impl_->counted("token",
                          impl_->write(event, redis::token_key(record.connection_id), *sealed, lifetime));
}

Result<WriteOutcome> RedisWriter::write_caller(const record::CallerRecord &record) {
    const int64_t lifetime = caller_lifetime_ms(record, impl_->clock());
    if (lifetime <= 0) {
        return WriteOutcome::kExpired;
    }
    Result<std::string> sealed = record::seal_caller(*impl_->keys, record);
    if (!sealed) {
        return fail(sealed.error());
    }
    const redis::Event event{redis::EventKind::kCaller, record.key_sha256, record.generation};
    return impl_->counted("agent",
                          impl_->write(event, redis::caller_key(record.key_sha256), *sealed, lifetime));
}

Result<WriteOutcome> RedisWriter::write_issuer(const record::IssuerRecord &record) {
    Result<std::string> sealed = record::seal_issuer(*impl_->keys, record);
    if (!sealed) {
        return fail(sealed.error());
    }
    const redis::Event event{redis::EventKind::kIssuer, caller::issuer_sha256(record.issuer),
                             record.generation};
    return impl_->counted(
        "issuer", impl_->write(event, redis::issuer_key(event.id), *sealed, issuer_lifetime_ms(record)));
}

Result<uint64_t> RedisWriter::held_generation(const CacheKey &key) {
    const std::string name = redis::record_key(key.kind, key.id);
    const std::scoped_lock lock(impl_->mutex);
    Result<resp::Reply> reply = impl_->client->script(redis::kReadRecordScript, name, {});
    if (!reply) {
        return fail(reply.error());
    }
    const std::string_view stored = resp::text_of(**reply);
    if (stored.empty()) {
        return 0;
    }
    if (record::open(*impl_->keys, name, stored)) {
        return record::parse_header(stored)->generation;
    }
    log::error(
        "foreign_record_removed",
        {{"kind", redis::to_string(key.kind)}, {"id", key.id}, {"reason", "CACHE_KEY does not open it"}});
    const std::string_view arguments[] = {stored};
    return impl_->client->script(redis::kReadRecordScript, name, arguments).map([](const resp::Reply &) {
        return uint64_t{0};
    });
}

std::vector<CacheKey> RedisWriter::look_for_losses() {
    const std::scoped_lock lock(impl_->mutex);
    if (std::chrono::steady_clock::now() < impl_->look_again_at) {
        return {};
    }
    const Result<void> answered = impl_->client->ping();
    impl_->look_again_at = std::chrono::steady_clock::now() + impl_->look_every;
    if (!answered) {
        return {};
    }
    impl_->answered();
    const std::set<CacheKey> lost = std::exchange(impl_->lost, {});
    return {lost.begin(), lost.end()};
}

Result<void> RedisWriter::ping() {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->client->ping();
}

}  // namespace nexus::control
