// Authenticate, resolve, authorise: what a request of a guarded location goes through in the access phase,
// and what it knows afterwards. What is done with that knowledge is left to answer/gateway_api.cpp and
// inject/inject.cpp.
#pragma once

#include <optional>
#include <string_view>

#include "ngx_module/answer/errors.h"
#include "ngx_module/caller/caller_key.h"
#include "ngx_module/caller/client_certificate.h"
#include "ngx_module/conf.h"
#include "ngx_module/lookup/lookup.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/ngx.h"
#include "ngx_module/request_modes.h"
#include "shared/crypto/digest.h"
#include "shared/record/caller_record.h"
#include "shared/record/token_record.h"

namespace nexus::edge {

struct LookAgain;  // access/look_again.cpp

/// One request's way through the access phase; in the request's pool, views point into wiped areas of it.
struct Access {
    enum class Step : uint8_t {
        kAuthenticate,
        kIssuer,
        kIssuerKeys,
        kCaller,
        kCallerLimits,
        kResolve,
        kToken,
        kConnectionLimits,
        kRefresh,
        kAuthorised
    };

    ngx_http_request_t *request = nullptr;
    const LocConf *conf = nullptr;
    Step step = Step::kAuthenticate;
    bool waiting = false;
    bool refreshes = false;  // nexus_api refresh, or token with auto_refresh=true
    void (*go_on)(ngx_http_request_t *) = ngx_http_core_run_phases;  // after a wait
    ngx_msec_t judged_at = ngx_current_msec;                         // the records were, then or later
    LookAgain *again = nullptr;                                      // set while they are judged again
    uint64_t waiting_since_us = 0;
    uint64_t waited_us = 0;  // for all lookups together

    // caller/authenticate.cpp, caller/authenticate_token.cpp
    std::optional<caller::Method> method;  // of what was presented
    int wait_s = 0;                        // > 0: the address has failed too often, for so long
    const CertificateNames *names = nullptr;
    size_t name = 0;  // of `names`: the one that is looked up
    std::string_view jwt;
    crypto::Sha256 token_sha256;        // valid with `jwt`
    crypto::Sha256Hex issuer_sha256;    // of issuer_lookup
    crypto::Sha256Hex caller_sha256;    // of caller_lookup
    std::string_view issuer_workspace;  // "" = any
    Lookup issuer_lookup;
    Lookup issuer_keys_lookup;  // after issuer_lookup, for a key that it lacks
    Lookup caller_lookup;

    Lookup token_lookup;
    Lookup refresh_lookup;           // where it refreshes: after token_lookup
    Lookup *answer = &token_lookup;  // whichever of the two `token` is from

    std::string_view connection_id;
    std::optional<record::CallerView> caller;  // nullopt: nexus_auth off
    std::optional<record::TokenView> token;
    size_t token_bytes = 0;     // of its record, opened
    sigv4::Scope signing_hint;  // caller/authenticate.cpp; "" = none
    uint32_t grants = 0;
};

/// The access phase handler. Never NGX_OK, which would open the location under `satisfy any`.
ngx_int_t on_access(ngx_http_request_t *r) noexcept;

/// Registers the phase handler, the counters' zone and what else requests need; in postconfiguration.
/// returns NGX_OK or NGX_ERROR
ngx_int_t init_request_phases(ngx_conf_t *cf) noexcept;

/// What the request knows of itself; nullptr in locations that are not guarded.
Access *access_of(const ngx_http_request_t *r) noexcept;

/// Counts the request's end under what its location does (nexus_requests_total).
void count_refused(const LocConf &conf, Errc errc) noexcept;
void count_ok(const LocConf &conf) noexcept;

/// Does the access phase do anything in this location?
bool is_guarded(const LocConf &conf) noexcept;
bool is_injecting(const LocConf &conf) noexcept;
bool is_authenticating(const LocConf &conf) noexcept;
/// Is this one of the location's ways to authenticate?
bool takes(const LocConf &conf, caller::Method method) noexcept;
ApiMode api_mode(const LocConf &conf) noexcept;

/// Milliseconds since the epoch, from nginx's cached clock.
UnixMs now_ms() noexcept;

}  // namespace nexus::edge
