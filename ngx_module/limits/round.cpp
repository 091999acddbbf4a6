// A stage: each of its limits is charged, unless one refuses; then what the others were charged is given
// back. Those of this nginx come first: they cost nothing.
#include "ngx_module/limits/round.h"

#include <algorithm>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "ngx_module/access/access.h"
#include "ngx_module/answer/errors.h"
#include "ngx_module/conf.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/worker.h"

namespace nexus::edge::limits {

namespace {

using ratelimit::Decision;
using ratelimit::Limit;
using ratelimit::Micros;

constexpr Micros kMilli = 1000;

bool is_in(const Answer *answers, const Zone &zone) {
    for (; answers != nullptr; answers = answers->next) {
        if (answers->zone == &zone) {
            return true;
        }
    }
    return false;
}

/// Takes the zone's answer out of the list. nullptr: it has none
Answer *take_out(Answer *&answers, const Zone &zone) {
    for (Answer **place = &answers; *place != nullptr; place = &(*place)->next) {
        if ((*place)->zone == &zone) {
            return std::exchange(*place, (*place)->next);
        }
    }
    return nullptr;
}

/// What variables say in this request. nullptr: they could not be evaluated
const ngx_str_t *evaluate(ngx_http_request_t *r, ngx_http_complex_value_t *value, ngx_str_t &text) {
    return ngx_http_complex_value(r, value, &text) == NGX_OK ? &text : nullptr;
}

/// The limit that holds for this request. nullopt: none (counted, if that is a mistake)
std::optional<Limit> limit_of(ngx_http_request_t *r, const Zone &zone) {
    if (zone.rate_value == nullptr && zone.burst_value == nullptr) {
        return zone.limit;
    }
    ngx_str_t text = ngx_null_string;
    std::optional<ratelimit::Rate> rate = zone.rate;
    if (zone.rate_value != nullptr && evaluate(r, zone.rate_value, text) != nullptr) {
        if (text.len == 0 || to_view(text) == "off") {
            return std::nullopt;
        }
        rate = ratelimit::parse_rate(to_view(text));
    }
    std::optional<int64_t> burst = zone.burst;
    if (rate && zone.burst_value != nullptr && evaluate(r, zone.burst_value, text) != nullptr) {
        burst = text.len == 0 ? 0 : ratelimit::parse_count(to_view(text), 0, ratelimit::kMaxBurst);
    }
    if (!rate || !burst) {
        ngx_str_t name = zone.name;
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "nexus: zone \"%V\" does not limit this request: its %s is \"%V\"", &name,
                      rate ? "burst" : "rate", &text);
        zone.memory->count(Tally::kUnreadable);
        return std::nullopt;
    }
    Limit limit = ratelimit::make_limit(rate->requests, rate->period, *burst);
    limit.burst_tolerance = std::min(limit.burst_tolerance, ratelimit::kMaxEmissionInterval);
    return limit;
}

int64_t cost_of(ngx_http_request_t *r, const Use &use) {
    ngx_str_t text = ngx_null_string;
    if (use.cost_value == nullptr || evaluate(r, use.cost_value, text) == nullptr) {
        return use.cost;
    }
    return ratelimit::parse_cost(to_view(text));
}

/// How long the request would have to wait to come at its time.
Micros delay_of(const Use &use, const Answer &answer) {
    if (!use.delays || use.zone->is_global || !answer.decision.is_allowed) {
        return 0;
    }
    const Micros owed_before = answer.decision.reset_after - answer.cost * answer.limit.emission_interval;
    return owed_before - use.undelayed * answer.limit.emission_interval;
}

/// The same, as far as anybody is made to wait: who would have to wait longer is refused, and not charged.
Micros settle_delay(const Use &use, Answer &answer) {
    const Micros delay = delay_of(use, answer);
    if (delay <= kMaxDelay) {
        return delay;
    }
    if (answer.charged == Charged::kHere) {
        use.zone->memory->table().give_back(answer.hash, answer.limit, answer.cost);
    }
    answer.charged = Charged::kNothing;
    answer.decision.is_allowed = false;
    answer.decision.retry_after = delay - kMaxDelay;
    return 0;
}

/// What each of the edges that share a limit may let through by itself: the same burst in time, at a part of
/// the rate.
Limit share_of(const Limit &limit, const Zone &zone) {
    return {limit.emission_interval * zone.edges, limit.burst_tolerance};
}

Leases *leases() {
    Worker *w = worker();
    return w != nullptr ? w->leases() : nullptr;
}

/// Redis has answered.
void on_outcome(Waiter *waiter) noexcept {
    auto *asked = static_cast<Asked *>(waiter->data);
    ngx_http_request_t *r = asked->request;
    ngx_connection_t *c = r->connection;  // r may be gone after run_phases
    asked->is_waiting = false;
    r->read_event_handler = ngx_http_block_reading;
    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}

}  // namespace

Round::Round(Asked &asked, const LimitsConf &conf, Stage stage, const Access *access) noexcept
    : r_(asked.request),
      asked_(asked),
      conf_(conf),
      stage_(stage),
      access_(access),
      before_(asked.answers),
      now_(now()) {}

Round *Round::make(Asked &asked, const LimitsConf &conf, Stage stage, const Access *access) noexcept {
    static_assert(std::is_trivially_destructible_v<Round>);  // it lies in a pool, without a cleanup
    void *place = ngx_palloc(asked.request->pool, sizeof(Round));
    return place != nullptr ? ::new (place) Round(asked, conf, stage, access) : nullptr;
}

const Use &Round::use_at(size_t place) const noexcept {
    return static_cast<const Use *>(conf_.uses->elts)[place % conf_.uses->nelts];
}

ngx_int_t Round::run() {
    const size_t count = conf_.uses->nelts;
    for (; next_ < 2 * count; ++next_) {
        const Use &use = use_at(next_);
        if (use.zone->stage != stage_ || use.zone->is_global != (next_ >= count)) {
            continue;
        }
        if (const ngx_int_t rc = ask(use); rc != NGX_OK) {
            return rc;
        }
    }
    return end();
}

ngx_int_t Round::resume() {
    now_ = now();
    conclude(use_at(next_), *pending_, waiter_.outcome);
    ++next_;
    return run();
}

void Round::leave() noexcept {
    if (Leases *all = leases()) {
        all->leave(waiter_);
    }
}

/// returns NGX_OK; NGX_AGAIN: Redis is asked; NGX_ERROR: out of memory
ngx_int_t Round::ask(const Use &use) {
    const Zone &zone = *use.zone;
    if (is_in(asked_.answers, zone) || (use.dry_run && is_in(asked_.dry_run_answers, zone))) {
        return NGX_OK;  // before an internal redirect
    }
    Answer *counted = take_out(asked_.dry_run_answers, zone);
    if (counted != nullptr && counted->charged != Charged::kNothing) {
        enforce(use, *counted);
        return NGX_OK;
    }
    KeyText key;
    if (read_key(r_, access_, zone.key, key) != NGX_OK) {
        return NGX_ERROR;
    }
    const std::optional<Limit> limit = key.text.empty() ? std::nullopt : limit_of(r_, zone);
    if (!limit) {
        return NGX_OK;
    }
    void *place = ngx_palloc(r_->pool, sizeof(Answer));
    if (place == nullptr) {
        return NGX_ERROR;
    }
    auto *answer = ::new (place) Answer{.zone = &zone,
                                        .hash = zone.memory->hash(key.text, zone.salt),
                                        .limit = *limit,
                                        .cost = cost_of(r_, use),
                                        .decision = {},
                                        .charged = Charged::kNothing,
                                        .key = {},
                                        .next = nullptr};
    if (zone.is_global) {
        return ask_redis(use, *answer, key.text);
    }
    charge(use, *answer);
    return NGX_OK;
}

void Round::charge(const Use &use, Answer &answer) {
    const Zone &zone = *use.zone;
    ratelimit::ArrivalTable table = zone.memory->table();
    const bool is_charged = rejected_by_ == nullptr || use.dry_run;
    if (is_charged) {
        const ratelimit::ArrivalTable::Charge charge =
            table.charge(answer.hash, answer.limit, now_, answer.cost);
        answer.decision = charge.decision;
        if (charge.has_forgotten) {
            zone.memory->count(Tally::kForgotten);
        }
    } else {  // only how long to wait is still of interest
        answer.decision = table.look(answer.hash, answer.limit, now_, answer.cost);
    }

    if (is_charged && answer.decision.is_allowed) {
        answer.charged = Charged::kHere;
    }
    const Micros delay = settle_delay(use, answer);
    settle(use, answer, delay);
}

/// A dry run has charged the request in another location: it is not charged again, but here that holds. (What
/// it has refused it has not charged, so that is asked like any other.)
void Round::enforce(const Use &use, Answer &answer) {
    const Micros delay = settle_delay(use, answer);
    answer.next = asked_.answers;
    asked_.answers = &answer;
    if (!answer.decision.is_allowed) {
        reject(*use.zone, Errc::kRateLimited, answer.decision.retry_after);
    } else if (delay >= kMilli) {
        delay_ = std::max(delay_, delay);
        use.zone->memory->count(Tally::kDelayed);
    }
}

ngx_int_t Round::ask_redis(const Use &use, Answer &answer, std::string_view key) {
    if (rejected_by_ != nullptr && !use.dry_run) {
        return NGX_OK;
    }
    Leases *all = leases();
    if (all == nullptr) {
        conclude(use, answer, {});
        return NGX_OK;
    }
    if (use.zone->lease == 0) {  // nothing is leased that it could be given back to
        const ngx_str_t copy = copy_to_pool(r_->pool, key);
        if (copy.data == nullptr) {
            return NGX_ERROR;
        }
        answer.key = to_view(copy);
    }
    waiter_.on_done = on_outcome;
    waiter_.data = &asked_;
    const Outcome outcome = all->ask({use.zone, key, answer.hash, answer.limit}, answer.cost, waiter_);
    if (outcome.verdict != Verdict::kWaiting) {
        conclude(use, answer, outcome);
        return NGX_OK;
    }
    pending_ = &answer;
    asked_.round = this;
    return watch_client(asked_);
}

void Round::conclude(const Use &use, Answer &answer, const Outcome &outcome) {
    if (outcome.verdict == Verdict::kUnavailable) {
        decide_without_redis(use, answer);
        return;
    }
    answer.decision = outcome.decision;
    answer.charged = outcome.verdict == Verdict::kAllowed ? Charged::kGlobally : Charged::kNothing;
    settle(use, answer, 0);
}

void Round::decide_without_redis(const Use &use, Answer &answer) {
    const Zone &zone = *use.zone;
    zone.memory->count(Tally::kWithoutRedis);
    switch (zone.on_error) {
        case OnError::kLocal:
            answer.limit = share_of(answer.limit, zone);
            charge(use, answer);
            return;
        case OnError::kAllow:
            zone.memory->count(Tally::kAllowed);
            set_status(Status::kPassed);
            return;
        case OnError::kDeny:
            break;
    }
    if (use.dry_run) {
        zone.memory->count(Tally::kDryRunRejected);
        set_status(Status::kDryRunRejected);
    } else {
        reject(zone, Errc::kOverloaded, ratelimit::kSecond);
    }
}

void Round::settle(const Use &use, Answer &answer, Micros delay) {
    const Zone &zone = *use.zone;
    const bool is_allowed = answer.decision.is_allowed;
    const bool is_delayed = delay >= kMilli;
    Answer *&list = use.dry_run ? asked_.dry_run_answers : asked_.answers;
    answer.next = list;
    list = &answer;
    if (use.dry_run) {
        const Tally allowed = is_delayed ? Tally::kDryRunDelayed : Tally::kAllowed;
        zone.memory->count(is_allowed ? allowed : Tally::kDryRunRejected);
        set_status(!is_allowed  ? Status::kDryRunRejected
                   : is_delayed ? Status::kDryRunDelayed
                                : Status::kPassed);
    } else if (!is_allowed) {
        reject(zone, Errc::kRateLimited, answer.decision.retry_after);
    } else if (answer.charged != Charged::kNothing) {
        delay_ = std::max(delay_, delay);
        zone.memory->count(is_delayed ? Tally::kDelayed : Tally::kAllowed);
        set_status(Status::kPassed);
    }
}

void Round::reject(const Zone &zone, Errc errc, Micros retry_after) {
    if (rejected_by_ == nullptr) {
        rejected_by_ = &zone;
        errc_ = errc;
        zone.memory->count(Tally::kRejected);
    }
    is_hopeless_ = is_hopeless_ || retry_after == 0;
    retry_after_ = std::max(retry_after_, retry_after);
}

ngx_int_t Round::refuse() {
    asked_.status = Status::kRejected;
    give_back();
    ngx_str_t name = rejected_by_->name;
    ngx_log_error(NGX_LOG_INFO, r_->connection->log, 0, "nexus: limited by zone \"%V\"", &name);

    const LocConf &conf = *loc_conf(r_);
    if (is_guarded(conf)) {
        count_refused(conf, errc_);
    }
    Refusal refusal{.errc = errc_};
    if (errc_ == Errc::kOverloaded) {
        refusal.message = "a limit cannot be checked at the moment";
    }
    if (is_hopeless_) {
        refusal.message = "the request costs more than its limit ever allows";
    } else {
        refusal.retry_after_s =
            static_cast<int>((retry_after_ + ratelimit::kSecond - 1) / ratelimit::kSecond);
    }
    ngx_http_finalize_request(r_, send_refusal(r_, refusal));
    return NGX_DONE;
}

/// What the others of this stage were charged. Their answers are as if the request had not come.
void Round::give_back() {
    for (Answer *answer = asked_.answers; answer != before_; answer = answer->next) {
        ratelimit::ArrivalTable table = answer->zone->memory->table();
        switch (answer->charged) {
            case Charged::kNothing:
                break;
            case Charged::kHere:
                table.give_back(answer->hash, answer->limit, answer->cost);
                break;
            case Charged::kGlobally:
                leases()->give_back({answer->zone, answer->key, answer->hash, answer->limit}, answer->cost);
                answer->decision.remaining += answer->cost;
                break;
        }
        if (answer->decision.is_allowed && answer->charged != Charged::kGlobally) {
            answer->decision = table.look(answer->hash, answer->limit, now_, 0);
        }
    }
}

/// The worst that any has said.
void Round::set_status(Status status) {
    static constexpr Status kOrder[] = {Status::kNone,           Status::kPassed,  Status::kDryRunDelayed,
                                        Status::kDryRunRejected, Status::kDelayed, Status::kRejected};
    const auto rank = [](Status one) { return std::find(std::begin(kOrder), std::end(kOrder), one); };
    if (rank(status) > rank(asked_.status)) {
        asked_.status = status;
    }
}

ngx_int_t Round::end() {
    if (rejected_by_ != nullptr) {
        return refuse();
    }
    if (delay_ < kMilli) {
        return NGX_OK;
    }
    set_status(Status::kDelayed);
    return delay(asked_, static_cast<ngx_msec_t>((delay_ + kMilli - 1) / kMilli));
}

}  // namespace nexus::edge::limits
