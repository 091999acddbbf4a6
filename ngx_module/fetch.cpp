// The steps of a fetch.
#include "ngx_module/fetch.h"

#include <cstring>
#include <utility>

#include "ngx_module/fetches.h"
#include "ngx_module/metrics.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/redis/url.h"
#include "shared/record/caller_record.h"
#include "shared/record/token_record.h"
#include "shared/redis/keys.h"

namespace nexus::edge {
namespace {

constexpr int kMaxAttempts = 3;                 // when events overtake what was fetched
constexpr uint64_t kFailedCheckPauseMs = 2000;  // an entry that could not be checked is used that long without another
constexpr int kDefaultRetryAfter = 2;           // seconds, when nobody said

std::string make_redis_key(const Lookup &lookup) {
    return lookup.kind == record::Kind::kToken ? nexus::redis::token_key(lookup.id)
                                               : nexus::redis::caller_key(lookup.id);
}

// Codes travel between workers as numbers.
uint8_t to_number(std::string_view code) noexcept {
    for (int errc = 0; errc <= static_cast<int>(Errc::kInternal); ++errc) {
        if (errc_info(static_cast<Errc>(errc)).code == code) {
            return static_cast<uint8_t>(errc + 1);
        }
    }
    return 0;
}

std::string_view to_code(uint8_t number) noexcept {
    return number == 0 ? std::string_view() : errc_info(static_cast<Errc>(number - 1)).code;
}

bool is_usable(const cache::Found &found, const crypto::Keyring &keyring) noexcept {
    return found.freshness != cache::Freshness::kMiss && !found.not_found && !found.sealed.empty() &&
           keyring.find(found.header.key_id) != nullptr;
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
    command_.on_reply = [](redis::Command *command, redis::ReplyStatus status, std::string_view value) noexcept {
        static_cast<Fetch *>(command->data)->on_redis(status, value);
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
        if (found.freshness == cache::Freshness::kFresh && (found.not_found || is_usable(found, tools.keyring))) {
            finish({found.not_found ? LookupStatus::kNotFound : LookupStatus::kFound, TokenSource::kL1, {}, 0});
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
        on_redis(redis::ReplyStatus::kFailed, {});
    }
}

void Fetch::on_redis(redis::ReplyStatus status, std::string_view value) noexcept {
    const FetchTools &tools = fetches_.tools();
    if (status == redis::ReplyStatus::kValue) {
        const Accepted accepted =
            guarded_or<Accepted>(Accepted::kBroken, tools.log, "a record from Redis", [&] { return accept(value); });
        if (accepted == Accepted::kYes) {
            finish({LookupStatus::kFound, TokenSource::kL2, {}, 0});
            return;
        }
    }
    // An entry that only wants to be verified goes on without Redis; its age limits for how long.
    if (status == redis::ReplyStatus::kFailed && known_ == cache::Freshness::kUnverified) {
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
        errc_info(key_.key.kind == record::Kind::kToken ? Errc::kConnectionNotFound : Errc::kInvalidApiKey).code;

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
    const Accepted accepted = guarded_or<Accepted>(Accepted::kBroken, fetches_.tools().log,
                                                   "a record from the control plane",
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

// Authenticates a record and puts it into L1.
Fetch::Accepted Fetch::accept(std::string_view sealed) {
    const FetchTools &tools = fetches_.tools();
    const auto refuse = [&](const char *why) {
        metrics::count(metrics::Counter::kRecordsRefused);
        ngx_str_t id = to_ngx_str(id_);
        ngx_log_error(NGX_LOG_ERR, tools.log, 0, "nexus: refused the record of \"%V\": %s", &id, why);
        return Accepted::kBroken;
    };

    if (sealed.size() > record::kMaxRecordBytes) {
        return refuse("too large");
    }
    const auto header = record::parse_header(sealed);
    if (!header || header->kind != key_.key.kind) {
        return refuse("it is none, or of another kind");
    }
    const auto payload = record::open(tools.keyring, redis_key_, sealed);
    if (!payload) {
        return refuse(payload.error().errc == Errc::kUnknownKey ? "sealed with a key that is not in nexus_cache_key"
                                                                : "its seal is broken");
    }
    const bool readable = header->kind == record::Kind::kToken
                              ? record::TokenView::parse(*header, payload->view()).has_value()
                              : record::CallerView::parse(*header, payload->view()).has_value();
    if (!readable) {
        return refuse("malformed content");
    }

    if (cache::is_active(header->kind, header->state) && header->is_expired(cache::wall_ms())) {
        return Accepted::kExpired;
    }
    if (owner_ && tools.records.store(key_.key, sealed, *header, started_at_, flight_) ==
                      cache::Records::Stored::kOlder) {
        return Accepted::kOlder;
    }
    sealed_ = sealed;
    header_ = *header;
    return Accepted::kYes;
}

// What one waiter gets out of the common result; fills in the record.
Fetch::Result Fetch::result_for(Waiter &waiter, const Result &result) noexcept {
    Lookup &lookup = *waiter.lookup;
    ngx_pool_t *pool = lookup.request->pool;
    if (result.status == LookupStatus::kFound && !sealed_.empty()) {
        const ngx_str_t copy = copy_to_pool(pool, sealed_);
        if (copy.data == nullptr) {
            return {LookupStatus::kError, TokenSource::kNone, {}, 0};
        }
        lookup.sealed = to_view(copy);
        lookup.header = header_;
        return result;
    }

    // Found by another worker, or not to be had: what is in L1 then?
    const bool may_be_stale = !key_.refresh && (result.status == LookupStatus::kUnavailable ||
                                                result.status == LookupStatus::kError);
    if (result.status == LookupStatus::kFound || may_be_stale) {
        const cache::Found found = fetches_.tools().records.read(key_.key, pool);
        if (is_usable(found, fetches_.tools().keyring)) {
            lookup.sealed = found.sealed;
            lookup.header = found.header;
            return {LookupStatus::kFound, may_be_stale ? TokenSource::kStale : result.source, {}, 0};
        }
        if (result.status == LookupStatus::kFound) {
            return {LookupStatus::kUnavailable, TokenSource::kNone, {}, kDefaultRetryAfter};
        }
    }
    return result;
}

void Fetch::finish(const Result &result) noexcept {
    cache::Outcome outcome;
    outcome.status = static_cast<uint8_t>(result.status);
    outcome.source = static_cast<uint8_t>(result.source);
    outcome.code = to_number(result.error_code);
    outcome.retry_after_s = static_cast<uint32_t>(result.retry_after_s);
    outcome.generation = header_.generation;
    release_flight(outcome);

    const bool was_awaiting = stage_ == Stage::kAwaiting;
    end();  // first: a lookup that starts over must not find this one
    while (!ngx_queue_empty(&waiters_)) {
        Waiter *waiter = ngx_queue_data(ngx_queue_head(&waiters_), Waiter, link);
        ngx_queue_remove(&waiter->link);
        waiter->linked = false;
        waiter->fetch = nullptr;

        Lookup &lookup = *waiter->lookup;
        Result own = result_for(*waiter, result);
        if (is_old_news(*waiter, own, was_awaiting)) {
            ++waiter->restarts;
            if (fetches_.join(*waiter, key_, cache::Freshness::kMiss)) {
                continue;
            }
            own = {LookupStatus::kError, TokenSource::kNone, {}, 0};
        }
        lookup.status = own.status;
        lookup.source = own.source;
        lookup.error_code = own.error_code;
        lookup.retry_after_s = own.retry_after_s;
        fetches_.post_done(*waiter);
    }
}

// A forced refresh that joined another one with older news may get back just what it has already.
bool Fetch::is_old_news(const Waiter &waiter, const Result &result, bool was_awaiting) const noexcept {
    const Lookup &lookup = *waiter.lookup;
    return key_.refresh && result.status == LookupStatus::kFound && waiter.restarts == 0 &&
           cache::is_active(key_.key.kind, lookup.header.state) &&
           lookup.header.generation <= lookup.refresh_above_generation &&
           (was_awaiting || refresh_above_generation_ < lookup.refresh_above_generation);
}

void Fetch::release_flight(const cache::Outcome &outcome) noexcept {
    if (std::exchange(owner_, false)) {
        fetches_.tools().flights.finish(flight_, outcome);
    }
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

void Fetch::finish_awaited(const cache::Outcome &outcome) noexcept {
    Result result;
    result.status = static_cast<LookupStatus>(outcome.status);
    result.source = static_cast<TokenSource>(outcome.source);
    result.error_code = to_code(outcome.code);
    result.retry_after_s = static_cast<int>(outcome.retry_after_s);

    if (result.status == LookupStatus::kFound) {
        const auto *first = ngx_queue_data(ngx_queue_head(&waiters_), Waiter, link);
        const cache::Found found = fetches_.tools().records.read(key_.key, first->lookup->request->pool);
        const bool is_it = is_usable(found, fetches_.tools().keyring) &&
                           found.header.generation >= outcome.generation;
        if (!is_it && ++attempts_ < kMaxAttempts) {
            claim({});  // evicted already, or overtaken by an event
            return;
        }
    }
    finish(result);
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
