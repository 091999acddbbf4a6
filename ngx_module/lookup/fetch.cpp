// The steps of a fetch, from the claim to an answer. What becomes of an answer is in fetch_result.cpp.
#include "ngx_module/lookup/fetch.h"

#include <algorithm>
#include <utility>

#include "ngx_module/lookup/early_refresh.h"
#include "ngx_module/lookup/fetches.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/redis/conf.h"

namespace nexus::edge {
namespace {

constexpr uint64_t kFailedCheckPauseMs =
    2000;  // an entry that could not be checked is used that long without another

constexpr uint64_t kMaxRefreshPauseMs = 60'000;

using cache::Purpose;

nexus::redis::Turn turn_for(Purpose purpose) noexcept {
    switch (purpose) {
        case Purpose::kRefresh:
            return nexus::redis::Turn::kRefresh;
        case Purpose::kEarly:
            return nexus::redis::Turn::kEarly;
        case Purpose::kRead:
            break;
    }
    return nexus::redis::Turn::kFetch;
}

const ControlPlaneConf *control_plane_of(const ngx_http_core_srv_conf_t *server) noexcept {
    const auto *scf = static_cast<const SrvConf *>(server->ctx->srv_conf[ngx_http_nexus_module.ctx_index]);
    return scf->control_plane;
}

/// How nexusd says that there is no such record.
Errc not_found_of(record::Kind kind) noexcept {
    switch (kind) {
        case record::Kind::kToken:
            return Errc::kConnectionNotFound;
        case record::Kind::kCaller:
            return Errc::kInvalidApiKey;
        case record::Kind::kIssuer:
            break;
    }
    return Errc::kIssuerNotFound;
}

}  // namespace

Fetch::Fetch(Fetches &fetches, const FetchKey &key, const FetchOrder &order)
    : fetches_(fetches),
      key_(key),
      id_(order.id),
      redis_key_(record::redis_key(key.key.kind, order.id)),
      refresh_above_generation_(order.refresh_above_generation),
      known_(order.known),
      server_(order.server),
      control_plane_(control_plane_of(order.server)),
      turn_(fetches.tools().redis, fetches.tools().log, turn_for(key.purpose), key.key.kind, order.id) {
    ngx_queue_init(&waiters_);
    command_.data = this;
    command_.on_reply = [](redis::Command *command, const redis::Answer &answer) noexcept {
        static_cast<Fetch *>(command->data)->on_redis(answer);
    };
}

Fetch::~Fetch() {
    if (fetches_.tools().redis != nullptr) {
        fetches_.tools().redis->cancel(&command_);
    }
}

void Fetch::add(Waiter &waiter) noexcept {
    ngx_queue_insert_tail(&waiters_, &waiter.link);
    waiter.linked = true;
    waiter.fetch = this;
}

void Fetch::remove(Waiter &waiter) noexcept {
    ngx_queue_remove(&waiter.link);
    waiter.linked = false;
    waiter.fetch = nullptr;
    if (ngx_queue_empty(&waiters_) && is_awaiting()) {
        abandon();
    }
}

void Fetch::begin() noexcept {
    claim({});
}

void Fetch::claim(const cache::FlightRef &orphan) noexcept {
    const FetchTools &tools = fetches_.tools();
    const ngx_msec_t patience = (tools.conf.redis != nullptr ? 4 * tools.conf.redis->timeout : 0) +
                                (control_plane_ != nullptr ? 3 * control_plane_->timeout : 0) + 1000;

    started_at_ = cache::monotonic_ms();
    const auto claim = tools.flights.claim(key_.key, key_.purpose, started_at_ + patience, flight_, orphan);
    if (claim == cache::Flights::Claim::kWaiting) {
        if (key_.purpose == Purpose::kEarly) {
            end();  // somebody is at it
            return;
        }
        stage_ = Stage::kAwaiting;
        fetches_.watch_awaited();
        return;
    }
    owner_ = claim == cache::Flights::Claim::kOwner;
    if (key_.purpose != Purpose::kRead) {
        ask_for_turn();
    } else if (!take_from_l1()) {
        ask_redis();
    }
}

// Another worker may have brought it between our look into L1 and the claim.
bool Fetch::take_from_l1() noexcept {
    const FetchTools &tools = fetches_.tools();
    const auto *first = ngx_queue_data(ngx_queue_head(&waiters_), Waiter, link);
    const cache::Found found = tools.records.read(key_.key, first->lookup->request->pool);
    if (found.freshness != cache::Freshness::kFresh || !(found.not_found || found.is_usable(tools.keyring))) {
        return false;
    }
    finish({found.not_found ? LookupStatus::kNotFound : LookupStatus::kFound, TokenSource::kL1, {}, 0});
    return true;
}

bool Fetch::send_get() noexcept {
    redis::Client *redis = fetches_.tools().redis;
    return redis != nullptr && redis->get(redis_key_, &command_);
}

void Fetch::ask_redis() noexcept {
    stage_ = Stage::kRedis;
    if (!send_get()) {
        on_redis({});
    }
}

// Both commands go together, and in this order: whoever had the turn before us has written the record before
// we got it, so that we find it.
void Fetch::ask_for_turn() noexcept {
    stage_ = Stage::kTurn;
    let_others_go_on();
    nudges_ = cache::Flights::nudges(flight_);
    if (!turn_.take(flight_.token) || !send_get()) {
        go_to_control_plane();
    }
}

void Fetch::on_redis(const redis::Answer &answer) noexcept {
    const FetchTools &tools = fetches_.tools();
    if (answer.status == redis::ReplyStatus::kValue) {
        const Accepted accepted = guarded_or<Accepted>(Accepted::kBroken, tools.log, "a record from Redis",
                                                       [&] { return accept(answer.text); });
        if (accepted == Accepted::kYes && is_news()) {
            finish({LookupStatus::kFound, TokenSource::kL2, {}, 0});
            return;
        }
    }
    if (stage_ == Stage::kTurn) {
        after_turn();
        return;
    }

    const bool has_answered =
        answer.status == redis::ReplyStatus::kValue || answer.status == redis::ReplyStatus::kNil;
    // An entry that only wants to be verified goes on without Redis; its age limits for how long.
    if (!has_answered && known_ == cache::Freshness::kUnverified) {
        put_off_check(0);
        finish({LookupStatus::kUnavailable, TokenSource::kNone, {}, kDefaultRetryAfter});
        return;
    }
    if (!has_answered || control_plane_ == nullptr) {
        go_to_control_plane();
    } else {
        ask_for_turn();
    }
}

// Is what Redis has what we want? A refresh wants more than what its caller has seen.
bool Fetch::is_news() const noexcept {
    return key_.purpose == Purpose::kRead || header_.generation > refresh_above_generation_;
}

void Fetch::after_turn() noexcept {
    if (turn_.state() != AskTurn::State::kAnothers) {
        go_to_control_plane();
        return;
    }
    if (key_.purpose == Purpose::kEarly) {
        abandon();  // somebody is at it, or was a moment ago
        return;
    }
    if (ask_anyway_at_ == 0) {
        ask_anyway_at_ = cache::monotonic_ms() + control_plane_->timeout;
    }
    if (cache::monotonic_ms() >= ask_anyway_at_) {
        go_to_control_plane();
    } else if (cache::Flights::nudges(flight_) != nudges_) {
        ask_for_turn();  // it has finished in the meantime
    } else if (ngx_queue_empty(&waiters_)) {
        abandon();
    } else {
        stage_ = Stage::kAnothersTurn;
        fetches_.watch_awaited();
    }
}

// While an entry that is merely old is asked about, other requests go on with it.
void Fetch::let_others_go_on() noexcept {
    if (control_plane_ != nullptr &&
        (known_ == cache::Freshness::kAged || known_ == cache::Freshness::kUnverified)) {
        put_off_check(control_plane_->timeout);
    }
}

void Fetch::put_off_check(ngx_msec_t ms) noexcept {
    fetches_.tools().records.put_off_check(key_.key, cache::monotonic_ms() + ms + kFailedCheckPauseMs);
}

void Fetch::go_to_control_plane() noexcept {
    stage_ = Stage::kControlPlane;
    fetches_.post_step(*this);
}

ngx_http_request_t *Fetch::first_request() const noexcept {
    if (ngx_queue_empty(&waiters_)) {
        return nullptr;
    }
    const auto *first = ngx_queue_data(ngx_queue_head(&waiters_), Waiter, link);
    return first->lookup->request;
}

std::string_view Fetch::request_id() const noexcept {
    ngx_http_request_t *r = first_request();
    if (r == nullptr) {
        return {};
    }
    const ngx_http_variable_value_t *value =
        ngx_http_get_indexed_variable(r, static_cast<ngx_uint_t>(main_conf(r)->request_id_index));
    return value == nullptr || value->not_found
               ? std::string_view()
               : std::string_view(reinterpret_cast<const char *>(value->data), value->len);
}

void Fetch::step() noexcept {
    if (stage_ != Stage::kControlPlane || call_ != nullptr) {
        return;
    }
    if (ngx_queue_empty(&waiters_) && key_.purpose != Purpose::kEarly) {
        abandon();
        return;
    }
    if (control_plane_ == nullptr) {
        finish({LookupStatus::kUnavailable, TokenSource::kNone, {}, kDefaultRetryAfter});
        return;
    }

    let_others_go_on();
    ControlPlaneQuestion question{.kind = key_.key.kind, .id = id_};
    question.refresh = key_.purpose == Purpose::kRefresh;
    question.refresh_above_generation = refresh_above_generation_;
    question.refresh_within_s =
        key_.purpose == Purpose::kEarly ? early_refresh_seconds(*fetches_.tools().conf.cache) : 0;
    ControlPlaneCall *call = ask_control_plane({server_, request_id(), fetches_.tools().log, first_request()},
                                               *control_plane_, question);
    if (call == nullptr) {
        finish({LookupStatus::kError, TokenSource::kNone, {}, 0});
        return;
    }
    call->data = this;
    call->on_answer = [](ControlPlaneCall *done, const ControlPlaneAnswer &answer) noexcept {
        static_cast<Fetch *>(done->data)->on_answer(answer);
    };
    call_ = call;
    start(call);
}

void Fetch::on_answer(const ControlPlaneAnswer &answer) noexcept {
    call_ = nullptr;
    const int retry_after = answer.retry_after_s != 0 ? answer.retry_after_s : kDefaultRetryAfter;
    const bool is_not_found = answer.error_code == errc_info(not_found_of(key_.key.kind)).code;
    const bool is_about_us =  // and not about the id: no key, a wrong one, or too many questions
        answer.status == NGX_HTTP_UNAUTHORIZED || answer.status == NGX_HTTP_FORBIDDEN ||
        answer.status == NGX_HTTP_TOO_MANY_REQUESTS;
    const bool is_refused_refresh = key_.purpose == Purpose::kRefresh && answer.status >= 400 &&
                                    answer.status < 500 && !is_about_us && !is_not_found &&
                                    !answer.error_code.empty();

    if (answer.status == NGX_HTTP_OK) {
        on_record_answer(answer);
    } else if (answer.status == NGX_HTTP_NOT_FOUND && is_not_found) {
        on_not_found();
    } else if (is_refused_refresh) {
        finish({LookupStatus::kRefused, TokenSource::kNone, answer.error_code, 0});
    } else {
        put_off_refresh(answer);
        if (answer.status != 0 && answer.status < 500 && answer.status != NGX_HTTP_TOO_MANY_REQUESTS) {
            // A wrong edge key, or a URI that does not lead to nexusd.
            ngx_log_error(NGX_LOG_ERR, fetches_.tools().log, 0,
                          "nexus: the control plane answered %ui: are nexus_control_plane and its key right?",
                          answer.status);
        }
        finish({LookupStatus::kUnavailable, TokenSource::kNone, answer.error_code, retry_after});
    }
}

// nexusd has its own pause between attempts: until it is over, asking again brings the same answer.
void Fetch::put_off_refresh(const ControlPlaneAnswer &answer) noexcept {
    if (key_.purpose == Purpose::kRefresh && answer.retry_after_s != 0 &&
        answer.error_code == errc_info(Errc::kTokenUnavailable).code) {
        const uint64_t pause =
            std::min(static_cast<uint64_t>(answer.retry_after_s) * 1000, kMaxRefreshPauseMs);
        fetches_.tools().records.put_off_refresh(key_.key, cache::monotonic_ms() + pause);
    }
}

void Fetch::on_record_answer(const ControlPlaneAnswer &answer) noexcept {
    const Accepted accepted =
        guarded_or<Accepted>(Accepted::kBroken, fetches_.tools().log, "a record from the control plane",
                             [&] { return accept(answer.record); });
    switch (accepted) {
        case Accepted::kYes:
            finish({LookupStatus::kFound, TokenSource::kOrigin, {}, 0});
            return;
        case Accepted::kExpired:
            finish({LookupStatus::kUnavailable, TokenSource::kNone, errc_info(Errc::kTokenUnavailable).code,
                    kDefaultRetryAfter});
            return;
        case Accepted::kOlder:
            on_older_than_known();
            return;
        case Accepted::kBroken:
            finish({LookupStatus::kError, TokenSource::kNone, {}, 0});
            return;
    }
}

void Fetch::on_not_found() noexcept {
    if (fetches_.tools().records.store_not_found(key_.key, started_at_, flight_) ==
        cache::Records::Stored::kOlder) {
        on_older_than_known();
        return;
    }
    finish({LookupStatus::kNotFound, TokenSource::kOrigin, {}, 0});
}

// An event has overtaken the answer: ask once more, from the start.
void Fetch::on_older_than_known() noexcept {
    if (++attempts_ == kMaxAttempts) {
        finish({LookupStatus::kUnavailable, TokenSource::kNone, {}, kDefaultRetryAfter});
        return;
    }
    started_at_ = cache::monotonic_ms();
    ask_redis();
}

void Fetch::look_again(bool thorough) noexcept {
    if (stage_ == Stage::kAnothersTurn) {
        if (thorough || cache::Flights::nudges(flight_) != nudges_) {
            ask_for_turn();
        }
        return;
    }
    if (cache::Flights::is_running(flight_)) {
        if (thorough && fetches_.tools().flights.is_orphaned(flight_)) {
            claim(flight_);
        }
        return;
    }
    const auto outcome = fetches_.tools().flights.outcome(flight_);
    if (!outcome || outcome->abandoned) {
        claim({});  // nobody can say how it ended: ask ourselves, unless the next one is at it already
        return;
    }
    finish_awaited(*outcome);
}

void Fetch::abandon() noexcept {
    cache::Outcome outcome;
    outcome.abandoned = true;
    release_flight(outcome);
    end();
}

void Fetch::end() noexcept {
    stage_ = Stage::kOver;
    if (call_ != nullptr) {
        call_->on_answer = nullptr;
        call_ = nullptr;
    }
    if (fetches_.tools().redis != nullptr) {
        fetches_.tools().redis->cancel(&command_);
    }
    turn_.end();
    fetches_.forget(*this);
}

}  // namespace nexus::edge
