// Who is calling: what was presented names a caller record, which is looked up and judged. JWTs take a step
// more: authenticate_token.cpp.
#include <algorithm>

#include "ngx_module/access/steps.h"
#include "ngx_module/caller/auth_failures.h"
#include "ngx_module/caller/caller_key.h"
#include "ngx_module/caller/client_certificate.h"
#include "ngx_module/caller/socket_peer.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/record/open_record.h"

namespace nexus::edge::steps {

namespace {

using caller::Method;
using metrics::Counter;

Counter of_method(Counter first, Method method) {
    return static_cast<Counter>(static_cast<unsigned>(first) + static_cast<unsigned>(method));
}

/// What the location accepts, for WWW-Authenticate (RFC 9110 section 11.6.1, RFC 6750 section 3).
std::string challenge(const LocConf &conf, bool is_invalid_bearer) {
    std::string text;
    const auto add = [&](std::string_view scheme) {
        text.append(text.empty() ? "" : ", ").append(scheme).append(" realm=\"nexus\"");
    };
    if (takes(conf, Method::kApiKey) || takes(conf, Method::kJwt)) {
        add("Bearer");
        text.append(is_invalid_bearer ? ", error=\"invalid_token\"" : "");
    }
    if (takes(conf, Method::kMtls)) {
        add("Certificate");
    }
    if (takes(conf, Method::kPeer)) {
        add("Peer");
    }
    return text;
}

Errc invalid(Method method) {
    switch (method) {
        case Method::kApiKey:
            return Errc::kInvalidApiKey;
        case Method::kJwt:
            return Errc::kInvalidToken;
        default:
            return Errc::kInvalidCredentials;
    }
}

ngx_int_t refuse_missing(Access &access) {
    metrics::count(Counter::kAuthMissing);
    const bool keys_only = access.conf->auth == kAuthDefault;
    return refuse(access, {.errc = keys_only ? Errc::kMissingApiKey : Errc::kMissingCredentials,
                           .challenge = challenge(*access.conf, false)});
}

ngx_int_t find_by_certificate(Access &access) {
    const auto names = PoolPtr<CertificateNames>::make(access.request->pool);
    if (!names) {
        return NGX_ERROR;
    }
    switch (read_client_certificate(access.request, *names)) {
        case CertificateStatus::kNone:
            return NGX_DECLINED;
        case CertificateStatus::kNotVerified:
            access.method = Method::kMtls;
            return refuse_caller(access, "its certificate was not verified");
        case CertificateStatus::kVerified:
            break;
    }
    access.method = Method::kMtls;
    access.names = names.get();
    if (names->count == 0) {
        return refuse_caller(access, "its certificate has no URI, DNS name or address");
    }
    return find_caller(access, names->at(0));
}

ngx_int_t find_by_peer(Access &access) {
    const std::optional<uint32_t> uid = peer_uid(access.request);
    if (!uid) {
        return NGX_DECLINED;
    }
    access.method = Method::kPeer;
    return find_caller(access, caller::peer_sha256(*uid));
}

/// What was presented decides, in this order; it is not tried what else might be good.
ngx_int_t find_by_presented(Access &access, const PresentedKey &key) {
    const LocConf &conf = *access.conf;
    switch (key.kind) {
        case PresentedKey::Kind::kKey:
            access.method = Method::kApiKey;
            return takes(conf, Method::kApiKey) ? find_caller(access, key.id())
                                                : refuse_caller(access, "keys are not taken here");
        case PresentedKey::Kind::kToken:
            access.method = Method::kJwt;
            return takes(conf, Method::kJwt) ? find_by_token(access, key.token)
                                             : refuse_caller(access, "tokens are not taken here");
        case PresentedKey::Kind::kMalformed:
            access.method = takes(conf, Method::kJwt) ? Method::kJwt : Method::kApiKey;
            return refuse_caller(access, "it presents something that is neither a key nor a token");
        case PresentedKey::Kind::kNone:
            break;
    }

    ngx_int_t rc = NGX_DECLINED;
    if (takes(conf, Method::kMtls)) {
        rc = find_by_certificate(access);
    }
    if (rc == NGX_DECLINED && takes(conf, Method::kPeer)) {
        rc = find_by_peer(access);
    }
    return rc == NGX_DECLINED ? refuse_missing(access) : rc;
}

/// A certificate can have several names, of which one or another is known.
ngx_int_t refuse_or_try_next(Access &access) {
    if (access.names != nullptr && ++access.name < access.names->count) {
        return find_caller(access, access.names->at(access.name));
    }
    return refuse_caller(access, "nobody is known by it");
}

}  // namespace

ngx_int_t refuse_caller(Access &access, std::string_view why) {
    if (access.wait_s > 0) {  // whatever is wrong with it: nothing more is told
        return refuse_limited(access);
    }
    ngx_str_t reason = to_ngx_str(why);
    ngx_str_t method = to_ngx_str(caller::to_string(*access.method));
    ngx_log_error(NGX_LOG_INFO, access.request->connection->log, 0, "nexus: a caller was refused (%V): %V",
                  &method, &reason);
    metrics::count(of_method(Counter::kAuthInvalidApiKey, *access.method));
    if (access.conf->auth_failures != nullptr) {
        auth_failures::note(access.request, *access.conf->auth_failures);
    }
    const bool is_bearer = *access.method == Method::kApiKey || *access.method == Method::kJwt;
    return refuse(access, {.errc = invalid(*access.method), .challenge = challenge(*access.conf, is_bearer)});
}

ngx_int_t refuse_limited(Access &access) {
    metrics::count(Counter::kAuthLimited);
    return refuse(access, {.errc = Errc::kTooManyFailures, .retry_after_s = access.wait_s});
}

ngx_int_t find_caller(Access &access, std::string_view sha256_hex) {
    std::copy_n(sha256_hex.begin(), access.caller_sha256.size(), access.caller_sha256.begin());
    access.caller_lookup = Lookup{};
    access.caller_lookup.kind = record::Kind::kCaller;
    access.caller_lookup.id = crypto::as_view(access.caller_sha256);
    access.caller_lookup.only_cached = access.wait_s > 0;
    access.step = Access::Step::kCaller;
    return look_up(access, access.caller_lookup);
}

ngx_int_t authenticate(Access &access) {
    const LocConf &conf = *access.conf;
    const bool is_open = !is_authenticating(conf);
    const PresentedKey *key =
        take_caller_key(access.request, {.is_injecting = is_injecting(conf),
                                         .takes_keys = is_open || takes(conf, Method::kApiKey),
                                         .takes_tokens = takes(conf, Method::kJwt)});
    if (key == nullptr) {
        return NGX_ERROR;
    }
    access.signing_hint = key->hint;
    if (is_open) {
        access.step = Access::Step::kCallerLimits;
        return NGX_OK;
    }
    if (conf.auth_failures != nullptr) {
        access.wait_s = auth_failures::seconds_to_wait(access.request, *conf.auth_failures);
    }
    return find_by_presented(access, *key);
}

ngx_int_t identify(Access &access) {
    Lookup &lookup = access.caller_lookup;
    count_lookup(lookup);
    switch (lookup.status) {
        case LookupStatus::kFound:
            break;
        case LookupStatus::kNotFound:
            return refuse_or_try_next(access);
        case LookupStatus::kUnavailable:
        case LookupStatus::kRefused:  // of our own key: the edge is misconfigured, not the caller wrong
            if (lookup.only_cached) {
                return refuse_or_try_next(access);
            }
            return refuse(access,
                          {.errc = Errc::kControlPlaneUnavailable, .retry_after_s = lookup.retry_after_s});
        case LookupStatus::kError:
            return refuse(access, Errc::kInternal);
    }

    const auto active = static_cast<uint8_t>(record::CallerState::kActive);
    if (lookup.header.state != active || lookup.header.is_expired(now_ms())) {
        return refuse_or_try_next(access);
    }

    const Result<record::CallerView> caller = open_caller(lookup);
    if (!caller) {
        metrics::count(Counter::kRecordsRefused);
        return refuse(access, Errc::kInternal);
    }
    if (!access.issuer_workspace.empty() && caller->workspace_id() != access.issuer_workspace) {
        return refuse_caller(access, "its issuer is not trusted for the agent's workspace");
    }

    access.caller = *caller;
    access.grants = caller->grants();
    metrics::count(of_method(Counter::kAuthAcceptedApiKey, *access.method));
    access.step = Access::Step::kCallerLimits;
    return NGX_OK;
}

}  // namespace nexus::edge::steps
