// Which connection is meant, and may this caller have it: grants, the record, its workspace and state (DESIGN
// 4).
#include <optional>
#include <string>

#include "ngx_module/access/steps.h"
#include "ngx_module/answer/gateway_api.h"
#include "ngx_module/lookup/early_refresh.h"
#include "ngx_module/ngx/str.h"
#include "ngx_module/record/open_record.h"
#include "shared/connection/state.h"
#include "shared/encoding/query.h"
#include "shared/encoding/record_id.h"

namespace nexus::edge::steps {

namespace {

using record::Grant;

bool has_grant(const Access &access, Grant grant) {
    return !is_authenticating(*access.conf) || record::has_grant(access.grants, grant);
}

/// Does the request want its token refreshed first? As nexusd reads it (control_plane/api/gateway.cpp).
/// errors kInvalidRequest
Result<bool> wants_refresh(const Access &access) {
    const ApiMode api = api_mode(*access.conf);
    if (api != ApiMode::kToken || access.request->args.len == 0) {
        return api == ApiMode::kRefresh;
    }
    const Result<std::optional<std::string>> wish =
        encoding::parse_query(to_view(access.request->args)).and_then([](const auto &parameters) {
            return encoding::one_parameter(parameters, "auto_refresh");
        });
    if (!wish) {
        return fail(wish.error());
    }
    if (!*wish || **wish == "false") {
        return false;
    }
    return **wish == "true" ? Result<bool>{true}
                            : fail(Errc::kInvalidRequest, "auto_refresh must be true or false");
}

bool is_granted(const Access &access) {
    if (is_injecting(*access.conf)) {
        return has_grant(access, Grant::kTokenUse);
    }
    switch (api_mode(*access.conf)) {
        case ApiMode::kToken:
            return has_grant(access, Grant::kTokenRead) &&
                   (!access.refreshes || has_grant(access, Grant::kConnectionRefresh));
        case ApiMode::kRefresh:
            return has_grant(access, Grant::kConnectionRefresh);
        default:
            return true;
    }
}

ngx_int_t refuse_lookup(Access &access, const Lookup &lookup) {
    switch (lookup.status) {
        case LookupStatus::kNotFound:
            return refuse(access, Errc::kConnectionNotFound);
        case LookupStatus::kUnavailable:
            return refuse(access, {.errc = Errc::kTokenUnavailable, .retry_after_s = lookup.retry_after_s});
        case LookupStatus::kRefused:
            for (const Errc known : {Errc::kStaticToken, Errc::kNoRefreshToken}) {
                if (lookup.error_code == errc_info(known).code) {
                    return refuse(access, known);
                }
            }
            return refuse(access,
                          {.errc = Errc::kControlPlaneUnavailable, .retry_after_s = lookup.retry_after_s});
        default:
            return refuse(access, Errc::kInternal);
    }
}

/// Opens the record and answers for the states that give no token.
ngx_int_t judge_record(Access &access) {
    Lookup &lookup = *access.answer;
    count_lookup(lookup);
    if (lookup.status != LookupStatus::kFound) {
        return refuse_lookup(access, lookup);
    }

    const Result<OpenedToken> opened = open_token(lookup);
    if (!opened) {
        return refuse(access, Errc::kInternal);
    }
    const record::TokenView &token = access.token.emplace(opened->view);
    access.token_bytes = opened->bytes;

    if (access.caller &&
        !access.caller->may_see(token.workspace_id(), token.connection_id(), token.provider())) {
        access.token.reset();  // variables must not tell either
        return refuse(access, Errc::kConnectionNotFound);
    }
    if (api_mode(*access.conf) == ApiMode::kCheck) {
        return NGX_OK;
    }
    if (const std::optional<Errc> refusal = connection::refusal(token.state())) {
        return refuse(
            access,
            {.errc = *refusal, .reason = token.attention_reason(), .reconnect_url = token.reconnect_url()});
    }
    if (lookup.header.is_expired(now_ms())) {
        return refuse(access, {.errc = Errc::kTokenUnavailable, .retry_after_s = lookup.retry_after_s});
    }
    consider_early_refresh(lookup, token);
    return NGX_OK;
}

}  // namespace

ngx_int_t resolve(Access &access) {
    const ApiMode api = api_mode(*access.conf);
    if (!is_method_allowed(api, access.request->method)) {
        return refuse(access, {.errc = Errc::kMethodNotAllowed, .allow = methods_of(api)});
    }
    if (!needs_token(*access.conf)) {
        access.step = Access::Step::kAuthorised;
        return NGX_OK;
    }
    const Result<bool> refreshes = wants_refresh(access);
    if (!refreshes) {
        return refuse(access, {.errc = refreshes.error().errc, .message = refreshes.error().message});
    }
    access.refreshes = *refreshes;
    if (!is_granted(access)) {
        return refuse(access, Errc::kInsufficientGrant);
    }

    if (!encoding::is_canonical_uuid(access.connection_id)) {
        // A name leads to an id only: what the caller may see is judged by the record, as ever.
        if (access.caller && record::is_alias(access.connection_id)) {
            access.connection_id = access.caller->connection_called(access.connection_id);
        }
        if (!encoding::is_canonical_uuid(access.connection_id)) {
            return refuse(access, Errc::kInvalidConnectionId);
        }
    }
    access.token_lookup.kind = record::Kind::kToken;
    access.token_lookup.id = access.connection_id;
    access.step = Access::Step::kToken;
    return look_up(access, access.token_lookup);
}

ngx_int_t authorise(Access &access) {
    const ngx_int_t rc = judge_record(access);
    if (rc == NGX_OK) {
        access.step = Access::Step::kConnectionLimits;
    }
    return rc;
}

ngx_int_t after_connection_limits(Access &access) {
    if (!access.refreshes) {
        access.step = Access::Step::kAuthorised;
        return NGX_OK;
    }

    // All callers that saw this generation join one refresh; who comes later gets its result.
    Lookup &refresh = access.refresh_lookup;
    refresh.kind = record::Kind::kToken;
    refresh.id = access.token_lookup.id;
    refresh.force_refresh = true;
    refresh.refresh_above_generation = access.token_lookup.header.generation;
    access.token.reset();
    access.answer = &refresh;
    access.step = Access::Step::kRefresh;
    return look_up(access, refresh);
}

ngx_int_t after_refresh(Access &access) {
    const ngx_int_t rc = judge_record(access);
    if (rc == NGX_OK) {
        access.step = Access::Step::kAuthorised;
    }
    return rc;
}

}  // namespace nexus::edge::steps
