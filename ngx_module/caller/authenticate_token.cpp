// Callers who present a JWT: the token names its issuer, whose record says with which keys it must be signed
// and what it must say (shared/jose/access_token.h); then its subject is looked up like any other identity.
#include <algorithm>

#include "ngx_module/access/steps.h"
#include "ngx_module/caller/auth_failures.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/worker.h"
#include "shared/record/issuer_record.h"

namespace nexus::edge::steps {

namespace {

using jose::Refusal;
using metrics::Counter;

ngx_int_t refuse_token(Access &access, Refusal why) {
    return refuse_caller(access, jose::to_string(why));
}

ngx_int_t look_for_issuer(Access &access, std::string_view sha256_hex) {
    std::copy_n(sha256_hex.begin(), access.issuer_sha256.size(), access.issuer_sha256.begin());
    access.issuer_lookup.kind = record::Kind::kIssuer;
    access.issuer_lookup.id = crypto::as_view(access.issuer_sha256);
    access.issuer_lookup.only_cached = access.wait_s > 0;
    access.step = Access::Step::kIssuer;
    return look_up(access, access.issuer_lookup);
}

/// The issuer's record lacks the key: it may be newer than what we hold.
ngx_int_t look_for_newer_keys(Access &access) {
    Lookup &lookup = access.issuer_keys_lookup;
    lookup.kind = record::Kind::kIssuer;
    lookup.id = access.issuer_lookup.id;
    lookup.force_refresh = true;
    lookup.refresh_above_generation = access.issuer_lookup.header.generation;
    access.step = Access::Step::kIssuerKeys;
    return look_up(access, lookup);
}

ngx_int_t keep_workspace(Access &access, std::string_view workspace_id) {
    const ngx_str_t copy = copy_to_pool(access.request->pool, workspace_id);
    if (copy.data == nullptr) {
        return NGX_ERROR;
    }
    access.issuer_workspace = to_view(copy);
    return NGX_OK;
}

bool is_for_want_of_a_key(Refusal refusal) {
    return refusal == Refusal::kUnknownKid || refusal == Refusal::kNoKey;
}

void remember(Access &access, const TrustedIssuer &issuer, const jose::AccessToken &token,
              std::string_view caller_sha256) {
    VerifiedToken known;
    known.token_sha256 = access.token_sha256;
    known.issuer_sha256 = access.issuer_sha256;
    std::copy_n(caller_sha256.begin(), known.caller_sha256.size(), known.caller_sha256.begin());
    known.issuer_generation = issuer.generation;
    known.expires_at_s = token.expires_at_s;
    known.workspace_id = issuer.workspace_id;
    worker()->verified_tokens().remember(std::move(known));
}

ngx_int_t verify(Access &access, Lookup &lookup, bool may_look_further) {
    const Result<const TrustedIssuer *> issuer = worker()->trusted_issuers().read(lookup);
    if (!issuer) {
        metrics::count(Counter::kRecordsRefused);
        return refuse(access, Errc::kInternal);
    }
    const auto token = jose::verify_access_token(access.jwt, (*issuer)->policy, (*issuer)->keys, ngx_time());
    if (!token) {
        if (may_look_further && is_for_want_of_a_key(token.error()) &&
            auth_failures::may_ask_for_keys(access.request, access.issuer_lookup.id)) {
            return look_for_newer_keys(access);
        }
        return refuse_token(access, token.error());
    }

    if (keep_workspace(access, (*issuer)->workspace_id) != NGX_OK) {
        return NGX_ERROR;
    }
    const std::string caller_sha256 = caller::jwt_sha256((*issuer)->policy.issuer, token->subject);
    remember(access, **issuer, *token, caller_sha256);
    return find_caller(access, caller_sha256);
}

bool is_trusted(const Lookup &lookup) {
    return lookup.header.state == static_cast<uint8_t>(record::IssuerState::kTrusted);
}

ngx_int_t refuse_lookup(Access &access, const Lookup &lookup) {
    switch (lookup.status) {
        case LookupStatus::kNotFound:
            return refuse_caller(access, "its issuer is not trusted");
        case LookupStatus::kUnavailable:
        case LookupStatus::kRefused:
            if (lookup.only_cached) {
                return refuse_limited(access);
            }
            return refuse(access,
                          {.errc = Errc::kControlPlaneUnavailable, .retry_after_s = lookup.retry_after_s});
        default:
            return refuse(access, Errc::kInternal);
    }
}

}  // namespace

ngx_int_t find_by_token(Access &access, std::string_view token) {
    if (worker() == nullptr) {
        return refuse(access, Errc::kInternal);
    }
    access.jwt = token;
    access.token_sha256 = crypto::sha256(token);
    if (const VerifiedToken *known = worker()->verified_tokens().find(access.token_sha256, ngx_time())) {
        return look_for_issuer(access, crypto::as_view(known->issuer_sha256));
    }
    if (access.wait_s > 0) {
        return refuse_limited(access);
    }
    const auto unverified = jose::read_unverified(token);
    if (!unverified) {
        return refuse_token(access, unverified.error());
    }
    return look_for_issuer(access, caller::issuer_sha256(unverified->issuer));
}

ngx_int_t judge_issuer(Access &access) {
    Lookup &lookup = access.issuer_lookup;
    count_lookup(lookup);
    if (lookup.status != LookupStatus::kFound) {
        return refuse_lookup(access, lookup);
    }
    if (!is_trusted(lookup)) {
        return refuse_caller(access, "its issuer is not trusted any more");
    }

    const VerifiedToken *known = worker()->verified_tokens().find(access.token_sha256, ngx_time());
    if (known != nullptr && known->issuer_generation == lookup.header.generation) {
        return keep_workspace(access, known->workspace_id) == NGX_OK
                   ? find_caller(access, crypto::as_view(known->caller_sha256))
                   : NGX_ERROR;
    }
    if (access.wait_s > 0) {
        return refuse_limited(access);
    }
    return verify(access, lookup, true);
}

ngx_int_t judge_newer_keys(Access &access) {
    Lookup &lookup = access.issuer_keys_lookup;
    count_lookup(lookup);
    if (lookup.status != LookupStatus::kFound) {
        return refuse_lookup(access, lookup);
    }
    return is_trusted(lookup) ? verify(access, lookup, false)
                              : refuse_caller(access, "its issuer is not trusted any more");
}

}  // namespace nexus::edge::steps
