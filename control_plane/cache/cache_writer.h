// Writes sealed records to Redis (docs/edge-protocol.md): key, lifetime, generation guard, event. Blocks,
// with time-outs, and fails fast while Redis is away (redis/client.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control_plane/cache/recent_writes.h"
#include "control_plane/redis/connection.h"
#include "shared/clock.h"
#include "shared/record/caller_record.h"
#include "shared/record/issuer_record.h"
#include "shared/record/token_record.h"
#include "shared/result.h"

namespace nexus::control {

class Metrics;

enum class WriteOutcome : uint8_t {
    kWritten,
    kRefused,  // Redis holds a newer generation (held_generation)
    kExpired,  // its lifetime is over already: nothing to write
};

/// How long a record lives in Redis, from `now`; 0 or less = not worth writing.
int64_t token_lifetime_ms(const record::TokenRecord &record, UnixMs now) noexcept;
int64_t caller_lifetime_ms(const record::CallerRecord &record, UnixMs now) noexcept;
int64_t issuer_lifetime_ms(const record::IssuerRecord &record) noexcept;

class CacheWriter {
public:
    virtual ~CacheWriter() = default;
    /// errors kCacheUnavailable (it is told all the same that there is a newer record, where another server
    /// listens); kMalformedRecord, kCryptoFailure (sealing)
    virtual Result<WriteOutcome> write_token(const record::TokenRecord &record) = 0;
    virtual Result<WriteOutcome> write_caller(const record::CallerRecord &record) = 0;
    virtual Result<WriteOutcome> write_issuer(const record::IssuerRecord &record) = 0;
    /// What was in the way of a record that was refused. A record that opens with none of our keys could say
    /// any generation: it is removed. returns the generation; 0: there is none. errors kCacheUnavailable
    virtual Result<uint64_t> held_generation(const CacheKey &) { return 0; }
    /// Asks, now and then, whether Redis is still what it was. returns what was written lately if a server is
    /// another one by now, or was lost meanwhile: it may be gone with it, and is to be written again
    virtual std::vector<CacheKey> look_for_losses() { return {}; }
    /// Does a server answer? Of a cluster, another one than the record's may. errors kCacheUnavailable
    virtual Result<void> ping() = 0;
};

/// Thread safe: callers take turns.
class RedisWriter : public CacheWriter {
public:
    RedisWriter(const RedisTarget &target, std::shared_ptr<const crypto::Keyring> keys, Clock clock,
                RedisOptions options = {}, Metrics *metrics = nullptr);
    ~RedisWriter() override;

    Result<WriteOutcome> write_token(const record::TokenRecord &record) override;
    Result<WriteOutcome> write_caller(const record::CallerRecord &record) override;
    Result<WriteOutcome> write_issuer(const record::IssuerRecord &record) override;
    Result<uint64_t> held_generation(const CacheKey &key) override;
    std::vector<CacheKey> look_for_losses() override;
    Result<void> ping() override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control
