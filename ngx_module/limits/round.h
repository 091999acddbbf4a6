// One stage of one request's limits, which may have to wait for Redis on its way.
#pragma once

#include "ngx_module/limits/ask.h"
#include "ngx_module/limits/leases.h"
#include "shared/errc.h"

namespace nexus::edge::limits {

class Round {
public:
    /// In the request's pool. nullptr: out of memory
    static Round *make(Asked &asked, const LimitsConf &conf, Stage stage, const Access *access) noexcept;

    /// Both return as limits::ask does; after NGX_AGAIN for Redis, `asked.round` is this, to be resumed.
    ngx_int_t run();
    ngx_int_t resume();

    /// The request goes.
    void leave() noexcept;

private:
    Round(Asked &asked, const LimitsConf &conf, Stage stage, const Access *access) noexcept;

    const Use &use_at(size_t place) const noexcept;
    ngx_int_t ask(const Use &use);
    ngx_int_t ask_redis(const Use &use, Answer &answer, std::string_view key);
    ngx_int_t wait_for_redis();
    void charge(const Use &use, Answer &answer);
    void enforce(const Use &use, Answer &answer);
    void conclude(const Use &use, Answer &answer, const Outcome &outcome);
    void decide_without_redis(const Use &use, Answer &answer);
    void settle(const Use &use, Answer &answer, ratelimit::Micros delay);
    void reject(const Zone &zone, Errc errc, ratelimit::Micros retry_after);
    ngx_int_t refuse();
    void give_back();
    void set_status(Status status);
    ngx_int_t end();

    ngx_http_request_t *r_;
    Asked &asked_;
    const LimitsConf &conf_;
    const Stage stage_;
    const Access *const access_;
    const Answer *const before_;  // the last one of earlier stages
    ratelimit::Micros now_;
    size_t next_ = 0;  // of the local ones, then of the global ones
    Answer *pending_ = nullptr;
    Waiter waiter_;

    ratelimit::Micros delay_ = 0;
    const Zone *rejected_by_ = nullptr;
    Errc errc_ = Errc::kRateLimited;
    ratelimit::Micros retry_after_ = 0;
    bool is_hopeless_ = false;
};

}  // namespace nexus::edge::limits
