// Writes sealed records to Redis (docs/edge-protocol.md): key, lifetime, generation guard, event. One
// blocking connection with time-outs; reconnects by itself and fails fast while Redis is away.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "control_plane/config/config.h"
#include "shared/clock.h"
#include "shared/record/caller_record.h"
#include "shared/record/issuer_record.h"
#include "shared/record/token_record.h"
#include "shared/result.h"

namespace nexus::control {

class Metrics;

enum class WriteOutcome : uint8_t {
    kWritten,
    kRefused,  // Redis holds a newer generation: nothing to do
    kExpired,  // its lifetime is over already: nothing to write
};

/// How long a record lives in Redis, from `now`; 0 or less = not worth writing.
int64_t token_lifetime_ms(const record::TokenRecord &record, UnixMs now) noexcept;
int64_t caller_lifetime_ms(const record::CallerRecord &record, UnixMs now) noexcept;
int64_t issuer_lifetime_ms(const record::IssuerRecord &record) noexcept;

class CacheWriter {
public:
    virtual ~CacheWriter() = default;
    /// errors kCacheUnavailable; kMalformedRecord, kCryptoFailure (sealing)
    virtual Result<WriteOutcome> write_token(const record::TokenRecord &record) = 0;
    virtual Result<WriteOutcome> write_caller(const record::CallerRecord &record) = 0;
    virtual Result<WriteOutcome> write_issuer(const record::IssuerRecord &record) = 0;
    /// errors kCacheUnavailable
    virtual Result<void> ping() = 0;
};

struct RedisOptions {
    std::chrono::milliseconds connect_timeout{500};
    std::chrono::milliseconds command_timeout{1000};
    std::chrono::milliseconds retry_after{250};  // after a failed connect, fail fast for so long
};

/// Thread safe: callers take turns on its one connection.
class RedisWriter : public CacheWriter {
public:
    RedisWriter(const RedisTarget &target, std::shared_ptr<const crypto::Keyring> keys, Clock clock,
                RedisOptions options = {}, Metrics *metrics = nullptr);
    ~RedisWriter() override;

    Result<WriteOutcome> write_token(const record::TokenRecord &record) override;
    Result<WriteOutcome> write_caller(const record::CallerRecord &record) override;
    Result<WriteOutcome> write_issuer(const record::IssuerRecord &record) override;
    Result<void> ping() override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::control
