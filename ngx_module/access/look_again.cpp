// A request can wait after its records were judged: for its body, a limit's delay, a lookup. What was good
// then may have been taken back since, so whoever has waited is judged again before anything is handed out or
// sent.
#include <new>

#include "ngx_module/access/steps.h"
#include "ngx_module/record/open_record.h"
#include "shared/connection/state.h"
#include "shared/record/caller_record.h"

namespace nexus::edge {

/// In the request's pool. The lookups are of their own: views into what the first ones found are in use.
struct LookAgain {
    Lookup token;
    Lookup caller;
    Lookup *next = nullptr;  // the outcome that is waited for, or to be judged
};

static_assert(std::is_trivially_destructible_v<LookAgain>);

namespace {

// An event takes a while to come, too. Without this, who has just waited for a record would ask twice for it.
constexpr ngx_msec_t kGoodForMs = 100;

/// NGX_OK: nothing has changed for the worse, as far as anybody knows
ngx_int_t judge_connection(Access &access, Lookup &lookup) {
    if (lookup.status == LookupStatus::kNotFound) {  // Redis forgets a record when its token ends
        if (access.answer->header.is_expired(now_ms())) {
            return steps::refuse(access,
                                 {.errc = Errc::kTokenUnavailable, .retry_after_s = lookup.retry_after_s});
        }
        return steps::refuse(access, Errc::kConnectionNotFound);
    }
    if (lookup.status != LookupStatus::kFound ||
        lookup.header.state == static_cast<uint8_t>(connection::State::kActive)) {
        return NGX_OK;
    }
    const Result<OpenedToken> opened = open_token(lookup);
    if (!opened) {
        return steps::refuse(access, Errc::kInternal);
    }
    const record::TokenView &token = opened->view;
    const std::optional<Errc> refusal = connection::refusal(token.state());
    return refusal ? steps::refuse(access, {.errc = *refusal,
                                            .reason = token.attention_reason(),
                                            .reconnect_url = token.reconnect_url()})
                   : NGX_OK;
}

ngx_int_t judge_caller(Access &access, const Lookup &lookup) {
    const auto active = static_cast<uint8_t>(record::CallerState::kActive);
    const bool is_good = lookup.status == LookupStatus::kFound
                             ? lookup.header.state == active && !lookup.header.is_expired(now_ms())
                             : lookup.status != LookupStatus::kNotFound;
    return is_good ? NGX_OK : steps::refuse_caller(access, "it was withdrawn while the request waited");
}

ngx_int_t look_up_again(Access &access, Lookup &lookup, const Lookup &first) {
    lookup.kind = first.kind;
    lookup.id = first.id;
    access.again->next = &lookup;
    return steps::look_up(access, lookup);
}

/// The outcome that is next is there.
ngx_int_t go_on(Access &access) {
    LookAgain &again = *access.again;
    if (again.next == &again.token) {
        ngx_int_t rc = judge_connection(access, again.token);
        if (rc != NGX_OK || !access.caller || access.caller_lookup.id.empty()) {
            return rc;
        }
        rc = look_up_again(access, again.caller, access.caller_lookup);
        if (rc != NGX_OK) {
            return rc;
        }
    }
    return judge_caller(access, again.caller);
}

}  // namespace

ngx_int_t steps::look_again(Access &access) {
    if (access.again == nullptr) {
        if (ngx_current_msec - access.judged_at < kGoodForMs) {
            return NGX_OK;
        }
        void *place = ngx_palloc(access.request->pool, sizeof(LookAgain));
        if (place == nullptr) {
            return NGX_ERROR;
        }
        access.again = ::new (place) LookAgain;
        const ngx_int_t rc = look_up_again(access, access.again->token, access.token_lookup);
        if (rc != NGX_OK) {
            return rc;
        }
    }
    const ngx_int_t rc = go_on(access);
    if (rc == NGX_OK) {
        access.again = nullptr;
        access.judged_at = ngx_current_msec;
    }
    return rc;
}

}  // namespace nexus::edge
