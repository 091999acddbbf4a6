// Finds the sealed record of a connection, a caller or an issuer: L1 (shared memory), Redis, control plane;
// one fetch per key for all workers of this nginx, waiters woken by events. What is in the record, and what a
// request does with it, is left to the callers of `start`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "ngx_module/cache/records.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/record/envelope.h"

namespace nexus::edge {

enum class TokenSource : uint8_t { kNone, kL1, kL2, kOrigin, kStale, kNegative };

enum class LookupStatus : uint8_t {
    kFound,  // `sealed` holds a record (any state), authentic and unexpired unless its state says otherwise
    kNotFound,     // the control plane does not know it
    kUnavailable,  // neither Redis nor the control plane could answer, or the control plane said 503
    kRefused,      // with force_refresh: the control plane refused (4xx), `error_code` says why, e.g.
                   // no_refresh_token
    kError,        // out of memory, or a broken record
};

/// One lookup of one request, in the request's pool. `start` may finish at once (L1 hit: `done` is not
/// called) or later (`done` is called exactly once, unless the request goes first: its pool cleanup detaches
/// the lookup).
struct Lookup {
    // filled in by the caller
    ngx_http_request_t *request = nullptr;
    record::Kind kind = record::Kind::kToken;
    std::string_view
        id;  // connection id (canonical), or SHA-256 hex of a key, identity or issuer; outlives the lookup
    bool force_refresh = false;  // tokens: ask the control plane to refresh; issuers: for newer keys
    uint64_t refresh_above_generation = 0;  // with force_refresh: what the caller has seen
    bool only_cached = false;               // what L1 lacks is kUnavailable: nobody is asked about it
    void (*done)(Lookup *lookup) noexcept = nullptr;
    void *data = nullptr;

    // the outcome
    LookupStatus status = LookupStatus::kError;
    TokenSource source = TokenSource::kNone;
    std::span<char> sealed;   // in the request's pool, aligned; open_record turns it into the payload
    record::Header header{};  // of `sealed`
    cache::Version version;   // which bytes of L1 it is, if it is from there
    bool is_kept = false;     // callers: the worker has opened it before, `sealed` is empty
    std::string_view
        error_code;         // kRefused: the control plane's `error` member, if it is one we know; static text
    int retry_after_s = 0;  // kUnavailable

    void *impl = nullptr;  // lookup.cpp's own
};

/// returns NGX_OK     finished: read the outcome
///         NGX_AGAIN  `done` will be called; the request must wait (see STYLE, "A request phase that waits")
///         NGX_ERROR  out of memory
ngx_int_t start_lookup(Lookup *lookup) noexcept;

/// Refuses a configuration in which lookups are used but cannot work, or that configures them by half.
ngx_int_t check_lookups(ngx_conf_t *cf) noexcept;

}  // namespace nexus::edge
