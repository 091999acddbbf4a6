// A stage: each of its limits is charged, unless one refuses; then what the others were charged is given
// back.
#include "ngx_module/limits/ask.h"

#include <algorithm>
#include <new>
#include <optional>

#include "ngx_module/access.h"
#include "ngx_module/access_steps.h"
#include "ngx_module/conf.h"
#include "ngx_module/errors.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/phase_handlers.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/request_ctx.h"

namespace nexus::edge::limits {

namespace {

using ratelimit::Decision;
using ratelimit::Limit;
using ratelimit::Micros;

constexpr Micros kMilli = 1000;

void on_request_end(void *) noexcept {}  // marks our cleanup

Asked *find_kept(const ngx_http_request_t *r) {
    for (ngx_pool_cleanup_t *cln = r->pool->cleanup; cln != nullptr; cln = cln->next) {
        if (cln->handler == on_request_end) {
            return static_cast<Asked *>(cln->data);
        }
    }
    return nullptr;
}

Asked *ensure_asked(ngx_http_request_t *r, RequestCtx &ctx) {
    if (ctx.limits != nullptr) {
        return ctx.limits;
    }
    ctx.limits = find_asked(r);
    if (ctx.limits == nullptr) {
        ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(r->pool, sizeof(Asked));
        if (cln == nullptr) {
            return nullptr;
        }
        cln->handler = on_request_end;
        ctx.limits = ::new (cln->data) Asked;
        ctx.limits->request = r;
    }
    return ctx.limits;
}

bool is_in(const Answer *answers, const Zone &zone) {
    for (; answers != nullptr; answers = answers->next) {
        if (answers->zone == &zone) {
            return true;
        }
    }
    return false;
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
    return ratelimit::parse_count(to_view(text), 0, ratelimit::kMaxCost).value_or(1);
}

/// How long the request would have to wait to come at its time.
Micros delay_of(const Use &use, const Limit &limit, const Decision &decision, int64_t cost) {
    if (!use.delays) {
        return 0;
    }
    const Micros owed_before = decision.reset_after - cost * limit.emission_interval;
    return owed_before - use.undelayed * limit.emission_interval;
}

/// One stage of one request.
class Round {
public:
    Round(Asked &asked, const Access *access)
        : r_(asked.request), asked_(asked), before_(asked.answers), access_(access), now_(now()) {}

    /// returns NGX_OK or NGX_ERROR: out of memory
    ngx_int_t ask(const Use &use) {
        const Zone &zone = *use.zone;
        if (is_in(asked_.answers, zone) || is_in(asked_.dry_run_answers, zone)) {
            return NGX_OK;  // before an internal redirect
        }
        KeyText key;
        if (read_key(r_, access_, zone.key, key) != NGX_OK) {
            return NGX_ERROR;
        }
        const std::optional<Limit> limit = key.text.empty() ? std::nullopt : limit_of(r_, zone);
        return limit ? judge(use, *limit, zone.memory->hash(key.text, zone.salt)) : NGX_OK;
    }

    /// returns as limits::ask does
    ngx_int_t end() {
        if (rejected_by_ != nullptr) {
            return refuse();
        }
        if (delay_ < kMilli) {
            return NGX_OK;
        }
        set_status(Status::kDelayed);
        return wait(asked_, static_cast<ngx_msec_t>((delay_ + kMilli - 1) / kMilli));
    }

private:
    ngx_int_t judge(const Use &use, const Limit &limit, uint64_t hash) {
        const Zone &zone = *use.zone;
        const int64_t cost = cost_of(r_, use);
        auto *answer = static_cast<Answer *>(ngx_palloc(r_->pool, sizeof(Answer)));
        if (answer == nullptr) {
            return NGX_ERROR;
        }

        Decision decision;
        ratelimit::ArrivalTable table = zone.memory->table();
        const bool is_charged = rejected_by_ == nullptr || use.dry_run;
        if (is_charged) {
            const ratelimit::ArrivalTable::Charge charge = table.charge(hash, limit, now_, cost);
            decision = charge.decision;
            if (charge.has_forgotten) {
                zone.memory->count(Tally::kForgotten);
            }
        } else {  // only how long to wait is still of interest
            decision = table.look(hash, limit, now_, cost);
        }

        Micros delay = decision.is_allowed ? delay_of(use, limit, decision, cost) : 0;
        if (delay > kMaxDelay) {
            if (is_charged) {
                table.give_back(hash, limit, cost);
            }
            decision.is_allowed = false;
            decision.retry_after = delay - kMaxDelay;
            delay = 0;
        }
        Answer **list = use.dry_run ? &asked_.dry_run_answers : &asked_.answers;
        *list = ::new (answer)
            Answer{&zone, hash, limit, cost, decision, is_charged && decision.is_allowed, *list};
        if (use.dry_run) {
            note_dry_run(zone, decision.is_allowed, delay >= kMilli);
        } else if (!decision.is_allowed) {
            reject(zone, decision);
        } else if (is_charged) {
            delay_ = std::max(delay_, delay);
            zone.memory->count(delay < kMilli ? Tally::kAllowed : Tally::kDelayed);
            set_status(Status::kPassed);
        }
        return NGX_OK;
    }

    void note_dry_run(const Zone &zone, bool is_allowed, bool is_delayed) {
        if (!is_allowed) {
            zone.memory->count(Tally::kDryRunRejected);
            set_status(Status::kDryRunRejected);
        } else {
            zone.memory->count(is_delayed ? Tally::kDryRunDelayed : Tally::kAllowed);
            set_status(is_delayed ? Status::kDryRunDelayed : Status::kPassed);
        }
    }

    void reject(const Zone &zone, const Decision &decision) {
        if (rejected_by_ == nullptr) {
            rejected_by_ = &zone;
            zone.memory->count(Tally::kRejected);
        }
        is_hopeless_ = is_hopeless_ || decision.retry_after == 0;
        retry_after_ = std::max(retry_after_, decision.retry_after);
    }

    ngx_int_t refuse() {
        asked_.status = Status::kRejected;
        give_back();
        ngx_str_t name = rejected_by_->name;
        ngx_log_error(NGX_LOG_INFO, r_->connection->log, 0, "nexus: limited by zone \"%V\"", &name);

        const LocConf &conf = *loc_conf(r_);
        if (is_guarded(conf)) {
            count_refused(conf, Errc::kRateLimited);
        }
        Refusal refusal{.errc = Errc::kRateLimited};
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
    void give_back() {
        for (Answer *answer = asked_.answers; answer != before_; answer = answer->next) {
            ratelimit::ArrivalTable table = answer->zone->memory->table();
            if (answer->is_charged) {
                table.give_back(answer->hash, answer->limit, answer->cost);
            }
            if (answer->decision.is_allowed) {
                answer->decision = table.look(answer->hash, answer->limit, now_, 0);
            }
        }
    }

    /// The worst that any has said.
    void set_status(Status status) {
        static constexpr Status kOrder[] = {Status::kNone,           Status::kPassed,  Status::kDryRunDelayed,
                                            Status::kDryRunRejected, Status::kDelayed, Status::kRejected};
        const auto rank = [](Status one) { return std::find(std::begin(kOrder), std::end(kOrder), one); };
        if (rank(status) > rank(asked_.status)) {
            asked_.status = status;
        }
    }

    ngx_http_request_t *r_;
    Asked &asked_;
    const Answer *before_;  // the last one of earlier stages
    const Access *access_;
    Micros now_;
    Micros delay_ = 0;
    const Zone *rejected_by_ = nullptr;
    Micros retry_after_ = 0;
    bool is_hopeless_ = false;
};

ngx_int_t on_preaccess(ngx_http_request_t *r) noexcept {
    if (r != r->main || r->err_status != 0) {  // an answer to an error is no request
        return NGX_DECLINED;
    }
    const ngx_int_t rc = ask(r, Stage::kEarly, nullptr);
    switch (rc) {
        case NGX_OK:
            return NGX_DECLINED;
        case NGX_ERROR:
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        default:
            return rc;
    }
}

}  // namespace

Asked *find_asked(const ngx_http_request_t *r) noexcept {
    const RequestCtx *ctx = request_ctx(r);
    if (ctx != nullptr && ctx->limits != nullptr) {
        return ctx->limits;
    }
    // nginx has cleared the context if the request was redirected since.
    return r->internal || r->filter_finalize ? find_kept(r) : nullptr;
}

ngx_int_t ask(ngx_http_request_t *r, Stage stage, const Access *access) noexcept {
    const LimitsConf &conf = loc_conf(r)->limits;
    const unsigned bit = 1U << static_cast<unsigned>(stage);
    if ((conf.stages & bit) == 0) {
        return NGX_OK;
    }
    RequestCtx *ctx = ensure_request_ctx(r);
    Asked *asked = ctx != nullptr ? ensure_asked(r, *ctx) : nullptr;
    if (asked == nullptr) {
        return NGX_ERROR;
    }
    if (asked->is_waiting) {
        return NGX_AGAIN;  // some other event woke us
    }
    if ((ctx->limit_stages & bit) != 0) {
        return NGX_OK;
    }
    ctx->limit_stages |= bit;

    Round round(*asked, access);
    for (const Use &use : std::span(static_cast<const Use *>(conf.uses->elts), conf.uses->nelts)) {
        if (use.zone->stage == stage && round.ask(use) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    return round.end();
}

std::string_view status_text(const ngx_http_request_t *r) noexcept {
    const Asked *asked = find_asked(r);
    switch (asked != nullptr ? asked->status : Status::kNone) {
        case Status::kPassed:
            return "passed";
        case Status::kDelayed:
            return "delayed";
        case Status::kRejected:
            return "rejected";
        case Status::kDryRunDelayed:
            return "delayed_dry_run";
        case Status::kDryRunRejected:
            return "rejected_dry_run";
        case Status::kNone:
            break;
    }
    return {};
}

ngx_int_t init(ngx_conf_t *cf) noexcept {
    if (main_conf(cf)->limit_zones == nullptr) {
        return NGX_OK;
    }
    if (check_zones(cf) != NGX_OK) {
        return NGX_ERROR;
    }
    if (main_conf(cf)->limit_headers_used) {
        add_header_filter();
    }
    return ask_last(cf, NGX_HTTP_PREACCESS_PHASE, on_preaccess);
}

}  // namespace nexus::edge::limits
