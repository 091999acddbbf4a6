// RedisWriter: seal, then one script call that guards the generation and publishes the event.
#include "control_plane/cache/redis_connection.h"
#include "control_plane/metrics/metrics.h"
#include "shared/caller/identity.h"
#include "shared/redis/keys.h"

#include <hiredis/hiredis.h>
#include <mutex>

namespace nexus::control {

struct RedisWriter::Impl {
    Impl(const RedisTarget &redis_target, std::shared_ptr<const crypto::Keyring> keyring, Clock now,
         const RedisOptions &options, Metrics *writer_metrics)
        : target{redis_target.unix_path,
                 redis_target.host,
                 redis_target.port,
                 redis_target.database,
                 redis_target.username.clone(),
                 redis_target.password.clone()},
          keys(std::move(keyring)),
          clock(std::move(now)),
          metrics(writer_metrics),
          connection(target, options, metrics) {}

    Result<WriteOutcome> write(const redis::Event &event, std::string_view key, std::string_view sealed,
                               int64_t lifetime_ms);
    Result<WriteOutcome> counted(std::string_view kind, Result<WriteOutcome> outcome) const;

    const RedisTarget target;
    const std::shared_ptr<const crypto::Keyring> keys;
    const Clock clock;
    Metrics *const metrics;
    std::mutex mutex;  // of the connection
    RedisConnection connection;
};

Result<WriteOutcome> RedisWriter::Impl::write(const redis::Event &event, std::string_view key,
                                              std::string_view sealed, int64_t lifetime_ms) {
    const std::string generation = std::to_string(event.generation);
    const std::string lifetime = std::to_string(lifetime_ms);
    const std::string json = redis::to_json(event);
    const std::scoped_lock lock(mutex);
    Result<ReplyPtr> reply = connection.script(
        redis::kWriteRecordScript, 1, {key, generation, sealed, lifetime, json, redis::kEventChannel});
    if (!reply) {
        return fail(reply.error());
    }
    return (*reply)->type == REDIS_REPLY_INTEGER && (*reply)->integer == 0 ? WriteOutcome::kRefused
                                                                           : WriteOutcome::kWritten;
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

Result<void> RedisWriter::ping() {
    const std::scoped_lock lock(impl_->mutex);
    Result<ReplyPtr> reply = impl_->connection.command({"PING"});
    if (!reply) {
        return fail(reply.error());
    }
    return {};
}

}  // namespace nexus::control
