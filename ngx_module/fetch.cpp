// The steps of a fetch, from the claim to an answer. What becomes of an answer is in fetch_result.cpp.
#include "ngx_module/fetch.h"

#include <utility>

#include "ngx_module/fetches.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/redis/conf.h"
#include "shared/redis/keys.h"

namespace nexus::edge {
namespace {

constexpr uint64_t kFailedCheckPauseMs =
    2000;  // an entry that could not be checked is used that long without another

std::string make_redis_key(const Lookup &lookup) {
    return lookup.kind == record::Kind::kToken ? nexus::redis::token_key(lookup.id)
                                               : nexus::redis::caller_key(lookup.id);
}

}  // namespace

Fetch::Fetch(Fetches &fetches, const FetchKey &key, const Lookup &first, cache::Freshness known)
    : fetches_(fetches),
      key_(key),
      id_(first.id),
      redis_key_(make_redis_key(first)),
      refresh_above_generation_(first.refresh_above_generation),
      known_(known) {
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
    if (&waiter == asker_) {
        call_->on_answer = nullptr;
        call_ = nullptr;
        asker_ = nullptr;
        fetches_.post_step(*this);  // another waiter asks; without one, other workers do
        return;
    }
    if (ngx_queue_empty(&waiters_) && stage_ == Stage::kAwaiting) {
        end();
    }
}

void Fetch::begin() noexcept {
    claim({});
}

void Fetch::claim(const cache::FlightRef &orphan) noexcept {
    const FetchTools &tools = fetches_.tools();
    const auto *first = ngx_queue_data(ngx_queue_head(&waiters_), Waiter, link);
    const ControlPlaneConf *control_plane = srv_conf(first->lookup->request)->control_plane;
    const ngx_msec_t patience = (tools.conf.redis != nullptr ? 2 * tools.conf.redis->timeout : 0) +
                                (control_plane != nullptr ? 3 * control_plane->timeout : 0) + 1000;

    started_at_ = cache::monotonic_ms();
    const auto claim = tools.flights.claim(key_.key, key_.refresh, started_at_ + patience, flight_, orphan);
    if (claim == cache::Flights::Claim::kWaiting) {
        stage_ = Stage::kAwaiting;
        fetches_.watch_awaited();
        return;
    }
    owner_ = claim == cache::Flights::Claim::kOwner;

    // Another worker may have brought it between our look into L1 and the claim.
    if (!key_.refresh) {
        const cache::Found found = tools.records.read(key_.key, first->lookup->request->pool);
        if (found.freshness == cache::Freshness::kFresh &&
            (found.not_found || found.is_usable(tools.keyring))) {
            finish(
                {found.not_found ? LookupStatus::kNotFound : LookupStatus::kFound, TokenSource::kL1, {}, 0});
            return;
        }
    }
    ask_redis();
}

void Fetch::ask_redis() noexcept {
    redis::Client *redis = fetches_.tools().redis;
    if (key_.refresh || redis == nullptr) {
        go_to_control_plane();
        return;
    }
    stage_ = Stage::kRedis;
    if (!redis->get(redis_key_, &command_)) {
        on_redis({});
    }
}

void Fetch::on_redis(const redis::Answer &answer) noexcept {
    const FetchTools &tools = fetches_.tools();
    if (answer.status == redis::ReplyStatus::kValue) {
        const Accepted accepted = guarded_or<Accepted>(Accepted::kBroken, tools.log, "a record from Redis",
                                                       [&] { return accept(answer.text); });
        if (accepted == Accepted::kYes) {
            finish({LookupStatus::kFound, TokenSource::kL2, {}, 0});
            return;
        }
    }
    // An entry that only wants to be verified goes on without Redis; its age limits for how long.
    const bool failed =
        answer.status != redis::ReplyStatus::kValue && answer.status != redis::ReplyStatus::kNil;
    if (failed && known_ == cache::Freshness::kUnverified) {
        tools.records.put_off_check(key_.key, cache::monotonic_ms() + kFailedCheckPauseMs);
        finish({LookupStatus::kUnavailable, TokenSource::kNone, {}, kDefaultRetryAfter});
        return;
    }
    go_to_control_plane();
}

void Fetch::go_to_control_plane() noexcept {
    stage_ = Stage::kControlPlane;
    fetches_.post_step(*this);
}

void Fetch::step() noexcept {
    if (stage_ != Stage::kControlPlane || call_ != nullptr) {
        return;
    }
    if (ngx_queue_empty(&waiters_)) {
        abandon();
        return;
    }

    Waiter *waiter = ngx_queue_data(ngx_queue_head(&waiters_), Waiter, link);
    ngx_http_request_t *r = waiter->lookup->request;
    const ControlPlaneConf *conf = srv_conf(r)->control_plane;
    if (conf == nullptr) {
        finish({LookupStatus::kUnavailable, TokenSource::kNone, {}, kDefaultRetryAfter});
        return;
    }

    // While the control plane is asked about an entry that is merely old, other requests go on with it.
    if (known_ == cache::Freshness::kAged || known_ == cache::Freshness::kUnverified) {
        fetches_.tools().records.put_off_check(key_.key,
                                               cache::monotonic_ms() + conf->timeout + kFailedCheckPauseMs);
    }
    ControlPlaneCall *call =
        ask_control_plane(r, *conf, {key_.key.kind, id_, key_.refresh, refresh_above_generation_});
    if (call == nullptr) {
        finish({LookupStatus::kError, TokenSource::kNone, {}, 0});
        return;
    }
    call->data = this;
    call->on_answer = [](ControlPlaneCall *done, const ControlPlaneAnswer &answer) noexcept {
        static_cast<Fetch *>(done->data)->on_answer(answer);
    };
    call_ = call;
    asker_ = waiter;

    ngx_connection_t *c = r->connection;  // r may be gone afterwards
    ngx_http_run_posted_requests(c);
}

void Fetch::on_answer(const ControlPlaneAnswer &answer) noexcept {
    call_ = nullptr;
    asker_ = nullptr;
    const int retry_after = answer.retry_after_s != 0 ? answer.retry_after_s : kDefaultRetryAfter;
    const bool is_not_found =
        answer.error_code ==
        errc_info(key_.key.kind == record::Kind::kToken ? Errc::kConnectionNotFound : Errc::kInvalidApiKey)
            .code;

    if (answer.status == NGX_HTTP_OK) {
        on_record_answer(answer);
    } else if (answer.status == NGX_HTTP_NOT_FOUND && is_not_found) {
        on_not_found();
    } else if (answer.status >= 400 && answer.status < 500 && answer.status != NGX_HTTP_UNAUTHORIZED &&
               answer.status != NGX_HTTP_FORBIDDEN && !answer.error_code.empty() && !is_not_found) {
        finish({LookupStatus::kRefused, TokenSource::kNone, answer.error_code, 0});
    } else {
        if (answer.status != 0 && answer.status < 500) {
            // Not about the id: a wrong edge key, or a URI that does not lead to nexusd.
            ngx_log_error(NGX_LOG_ERR, fetches_.tools().log, 0,
                          "nexus: the control plane answered %ui: are nexus_control_plane and its key right?",
                          answer.status);
        }
        finish({LookupStatus::kUnavailable, TokenSource::kNone, answer.error_code, retry_after});
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
    if (owner_ && fetches_.tools().records.store_not_found(key_.key, started_at_, flight_) ==
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
        asker_ = nullptr;
    }
    if (fetches_.tools().redis != nullptr) {
        fetches_.tools().redis->cancel(&command_);
    }
    fetches_.forget(*this);
}

}  // namespace nexus::edge
