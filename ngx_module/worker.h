// What one worker process holds while it runs: its Redis connections, its fetches, its slot for wake-ups,
// what it knows of issuers and their tokens.
// Started and stopped by module.cpp's hooks; used by lookup/lookup.cpp.
#pragma once

#include <memory>
#include <optional>

#include "ngx_module/cache/flights.h"
#include "ngx_module/cache/records.h"
#include "ngx_module/caller/key_digests.h"
#include "ngx_module/caller/opened_callers.h"
#include "ngx_module/caller/trusted_issuers.h"
#include "ngx_module/caller/verified_tokens.h"
#include "ngx_module/limits/leases.h"
#include "ngx_module/lookup/fetches.h"
#include "ngx_module/record/known_records.h"
#include "ngx_module/redis/client.h"
#include "ngx_module/redis/subscriber.h"
#include "ngx_module/sign/dpop_keys.h"
#include "ngx_module/sign/signing_keys.h"

namespace nexus::edge {

class Worker {
public:
    Worker(const MainConf &conf, ngx_log_t *log);
    Worker(const Worker &) = delete;
    Worker &operator=(const Worker &) = delete;
    ~Worker();

    void start(ngx_cycle_t *cycle) noexcept;

    cache::Records &records() { return records_; }
    Fetches &fetches() { return *fetches_; }
    OpenedCallers &opened_callers() { return opened_callers_; }
    KeyDigests &key_digests() { return key_digests_; }
    KnownRecords &known_records() { return known_records_; }
    VerifiedTokens &verified_tokens() { return verified_tokens_; }
    /// nullptr: there is no Redis
    limits::Leases *leases() { return leases_ ? &*leases_ : nullptr; }
    TrustedIssuers &trusted_issuers() { return trusted_issuers_; }
    SigningKeys &signing_keys() { return signing_keys_; }
    DpopKeys &dpop_keys() { return dpop_keys_; }
    DpopNonces &dpop_nonces() { return dpop_nonces_; }

private:
    cache::Records records_;
    cache::Flights flights_;
    std::unique_ptr<redis::Client> redis_;
    std::optional<redis::Subscriber> subscriber_;
    std::optional<limits::Leases> leases_;
    std::optional<Fetches> fetches_;
    OpenedCallers opened_callers_;
    KeyDigests key_digests_;
    KnownRecords known_records_;
    VerifiedTokens verified_tokens_;
    TrustedIssuers trusted_issuers_;
    SigningKeys signing_keys_;
    DpopKeys dpop_keys_;
    DpopNonces dpop_nonces_;
};

/// Of this process. nullptr: lookups are not configured, or the process is no worker.
Worker *worker() noexcept;

void start_worker(ngx_cycle_t *cycle) noexcept;
void stop_worker() noexcept;

}  // namespace nexus::edge
