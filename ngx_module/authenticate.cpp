// Who is calling: the key's digest is looked up, and the caller's record judged.
#include "ngx_module/access_steps.h"
#include "ngx_module/caller_key.h"
#include "ngx_module/metrics.h"
#include "ngx_module/record_access.h"

namespace nexus::edge::steps {

namespace {

using metrics::Counter;

ngx_int_t refuse_key(Access &access) {
    metrics::count(Counter::kAuthInvalidKey);
    return refuse(access, Errc::kInvalidApiKey);
}

}  // namespace

ngx_int_t authenticate(Access &access) {
    const PresentedKey *key = take_caller_key(access.request, is_injecting(*access.conf));
    if (key == nullptr) {
        return NGX_ERROR;
    }
    if (!is_authenticating(*access.conf)) {
        access.step = Access::Step::kResolve;
        return NGX_OK;
    }

    switch (key->kind) {
        case PresentedKey::Kind::kNone:
            metrics::count(Counter::kAuthMissingKey);
            return refuse(access, Errc::kMissingApiKey);
        case PresentedKey::Kind::kMalformed:
            return refuse_key(access);
        case PresentedKey::Kind::kKey:
            break;
    }

    access.caller_lookup.kind = record::Kind::kCaller;
    access.caller_lookup.id = key->id();
    access.step = Access::Step::kCaller;
    return look_up(access, access.caller_lookup);
}

ngx_int_t identify(Access &access) {
    Lookup &lookup = access.caller_lookup;
    count_lookup(lookup);
    switch (lookup.status) {
        case LookupStatus::kFound:
            break;
        case LookupStatus::kNotFound:
            return refuse_key(access);
        case LookupStatus::kUnavailable:
        case LookupStatus::kRefused:  // of our own key: the edge is misconfigured, not the caller wrong
            return refuse(access,
                          {.errc = Errc::kControlPlaneUnavailable, .retry_after_s = lookup.retry_after_s});
        case LookupStatus::kError:
            return refuse(access, Errc::kInternal);
    }

    const auto active = static_cast<uint8_t>(record::CallerState::kActive);
    if (lookup.header.state != active || lookup.header.is_expired(now_ms())) {
        return refuse_key(access);
    }

    const Result<record::CallerView> caller = open_caller(lookup);
    if (!caller) {
        metrics::count(Counter::kRecordsRefused);
        return refuse(access, Errc::kInternal);
    }

    access.caller = *caller;
    access.grants = caller->grants();
    metrics::count(Counter::kAuthAccepted);
    access.step = Access::Step::kResolve;
    return NGX_OK;
}

}  // namespace nexus::edge::steps
