// Asking the limits of a request's location, when their time has come.
#pragma once

#include <cstdint>
#include <string_view>

#include "ngx_module/limits/conf.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge::limits {

enum class Status : uint8_t { kNone, kPassed, kDelayed, kRejected, kDryRunDelayed, kDryRunRejected };

/// Where a request is charged.
enum class Charged : uint8_t { kNothing, kHere, kGlobally };

/// What one limit has said of the request.
struct Answer {
    const Zone *zone;
    uint64_t hash;  // of the key
    ratelimit::Limit limit;
    int64_t cost;
    ratelimit::Decision decision;
    Charged charged;
    std::string_view key;  // kGlobally, where nothing is leased
    Answer *next;
};

class Round;  // round.h

/// What the limits have made of a request. It lies in a cleanup of the request's pool, where it survives
/// internal redirects, so that no limit counts a request twice.
struct Asked {
    ngx_http_request_t *request = nullptr;
    Status status = Status::kNone;
    bool is_waiting = false;
    Answer *answers = nullptr;  // the last one first; without those of dry runs
    Answer *dry_run_answers = nullptr;
    Round *round = nullptr;  // that is to be resumed
};

/// nullptr: none was asked
Asked *find_asked(const ngx_http_request_t *r) noexcept;

/// Asks those of a stage. access: nullptr before authentication
/// returns NGX_OK      go on
///         NGX_AGAIN   the request waits, and its phases are run again
///         NGX_DONE    it was refused
///         NGX_ERROR   out of memory
ngx_int_t ask(ngx_http_request_t *r, Stage stage, const Access *access);

/// $nexus_limit_status: passed, delayed, rejected, delayed_dry_run, rejected_dry_run; "" if none was asked
std::string_view status_text(const ngx_http_request_t *r) noexcept;

/// Registers the early stage and the header filter, if there are limits at all; in postconfiguration, before
/// init_cors, so that preflights are limited. returns NGX_OK or NGX_ERROR
ngx_int_t init(ngx_conf_t *cf) noexcept;

/// wait.cpp: the request waits for something else to run its phases again; a client that leaves is noticed.
/// returns NGX_AGAIN or NGX_ERROR
ngx_int_t watch_client(Asked &asked) noexcept;
/// wait.cpp: holds the request back, then runs its phases again. returns NGX_AGAIN or NGX_ERROR
ngx_int_t delay(Asked &asked, ngx_msec_t ms) noexcept;

/// headers.cpp: registers the filter
void add_header_filter() noexcept;

}  // namespace nexus::edge::limits
