// What a fetch brings: whether the record may be used, and what each waiting lookup gets.
#include <cstring>
#include <utility>

#include "ngx_module/lookup/fetch.h"
#include "ngx_module/lookup/fetches.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/str.h"
#include "shared/errc.h"
#include "shared/record/caller_record.h"
#include "shared/record/issuer_record.h"
#include "shared/record/token_record.h"

namespace nexus::edge {
namespace {

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

bool is_readable(const record::Header &header, std::string_view payload) {
    switch (header.kind) {
        case record::Kind::kToken:
            return record::TokenView::parse(header, payload).has_value();
        case record::Kind::kCaller:
            return record::CallerView::parse(header, payload).has_value();
        case record::Kind::kIssuer:
            break;
    }
    return record::parse_issuer(header, payload).has_value();
}

}  // namespace

// Authenticates a record, and puts it into L1 if the flight is ours.
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
        return refuse(payload.error().errc == Errc::kUnknownKey
                          ? "sealed with a key that is not in nexus_cache_key"
                          : "its seal is broken");
    }
    if (!is_readable(*header, payload->view())) {
        return refuse("malformed content");
    }

    if (cache::is_spent(*header)) {
        return Accepted::kExpired;
    }
    if (tools.records.store(key_.key, sealed, *header, started_at_, flight_) ==
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
        auto *copy = static_cast<char *>(ngx_palloc(pool, sealed_.size()));  // aligned
        if (copy == nullptr) {
            return {LookupStatus::kError, TokenSource::kNone, {}, 0};
        }
        std::memcpy(copy, sealed_.data(), sealed_.size());
        lookup.sealed = {copy, sealed_.size()};
        lookup.header = header_;
        return result;
    }

    // Found by another worker, or not to be had: what is in L1 then?
    const bool may_be_stale =
        key_.purpose != cache::Purpose::kRefresh &&
        (result.status == LookupStatus::kUnavailable || result.status == LookupStatus::kError);
    if (result.status == LookupStatus::kFound || may_be_stale) {
        const cache::Found found = fetches_.tools().records.read(key_.key, pool);
        if (found.is_usable(fetches_.tools().keyring)) {
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
    if (result.status == LookupStatus::kFound && result.source == TokenSource::kOrigin) {
        turn_.end(sealed_, header_);
    }

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
    return key_.purpose == cache::Purpose::kRefresh && result.status == LookupStatus::kFound &&
           waiter.restarts == 0 && cache::is_active(key_.key.kind, lookup.header.state) &&
           lookup.header.generation <= lookup.refresh_above_generation &&
           (was_awaiting || refresh_above_generation_ < lookup.refresh_above_generation);
}

void Fetch::release_flight(const cache::Outcome &outcome) noexcept {
    if (std::exchange(owner_, false)) {
        fetches_.tools().flights.finish(flight_, outcome);
    }
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
        const bool is_it =
            found.is_usable(fetches_.tools().keyring) && found.header.generation >= outcome.generation;
        if (!is_it && ++attempts_ < kMaxAttempts) {
            claim({});  // evicted already, or overtaken by an event
            return;
        }
    }
    finish(result);
}

}  // namespace nexus::edge
