// The Refresher's second half: what a provider's answer does to the row. When and by whom the provider is
// asked is in refresher.cpp.
#include <thread>

#include "control_plane/log/log.h"
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/refresh/refresh_words.h"
#include "control_plane/refresh/refresher.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/workers/worker_pool.h"

namespace nexus::control {

Result<store::Connection> Refresher::apply(Attempt &attempt, TokenResponse response,
                                           const OAuthClient &client) {
    switch (response.outcome) {
        case TokenOutcome::kTokens:
            return store_tokens(attempt, std::move(response), client);
        case TokenOutcome::kInvalidGrant:
        case TokenOutcome::kUserAction:
            return dead_grant(attempt, response.reason);
        case TokenOutcome::kThrottled:
        case TokenOutcome::kTransient:
        case TokenOutcome::kOutage:
            give_back(attempt);
            return later(attempt, response.reason, response.retry_after_s);
        case TokenOutcome::kConfiguration:
            break;
    }
    give_back(attempt);
    return misconfigured(attempt, response.reason);
}

Result<store::Connection> Refresher::store_tokens(Attempt &attempt, TokenResponse response,
                                                  const OAuthClient &client) {
    UnixMs now = clock_();
    Secret id_token = std::move(response.id_token);
    StoredCredentials credentials = credentials_from(response, attempt.credentials.refresh_token);
    credentials.dpop_key = client.dpop_key.clone();
    keep_id_token(attempt, client, std::move(id_token), credentials);
    store::ConnectionChange change;
    change.expires_at = expires_at_from(response, attempt.asked_at);
    change.refreshable = true;
    change.last_refreshed_at = now;
    if (response.scope) {
        change.scopes = split_scopes(*response.scope);
    }
    if (!response.kept.empty()) {
        change.metadata = merged_json(attempt.connection.metadata, response.kept);
    }
    if (!response.variables.empty()) {
        change.variables = merged_json(attempt.connection.variables, response.variables);
    }
    return store_or_keep(attempt, std::move(credentials), change);
}

Result<store::Connection> Refresher::store_or_keep(const Attempt &attempt, StoredCredentials credentials,
                                                   const store::ConnectionChange &change) {
    Result<store::Connection> row = commit_tokens(attempt, credentials, change);
    if (!row && row.error().errc == Errc::kStoreUnavailable) {
        unstored_.keep(attempt.connection.id, Unstored{attempt.connection.generation, attempt.token_version,
                                                       std::move(credentials), change});
    }
    return finish(attempt, row);
}

Result<store::Connection> Refresher::finish(const Attempt &attempt, const Result<store::Connection> &row) {
    if (!row && row.error().errc == Errc::kConflict) {
        return superseded(attempt);
    }
    if (!row) {
        log::error("refresh_not_stored",
                   {{"connection_id", attempt.connection.id}, {"reason", row.error().message}});
        return row;
    }
    backoff_.succeeded(attempt.connection.id);
    log::info("token_refreshed", {{"connection_id", row->id}, {"generation", row->generation}});
    (void)drainer_.flush(redis::EventKind::kToken, row->id, row->generation);
    return row;
}

Result<store::Connection> Refresher::commit_tokens(const Attempt &attempt,
                                                   const StoredCredentials &credentials,
                                                   const store::ConnectionChange &change) {
    Result<store::Token> token =
        seal_credentials(vault_, attempt.connection, attempt.token_version + 1, credentials, clock_());
    if (!token) {
        return fail(token.error());
    }
    std::chrono::milliseconds pause{100};
    for (int tries = 1;; ++tries) {
        auto row = database_.transact([&](store::Transaction &sql) -> Result<store::Connection> {
            if (Result<void> written = store::tokens::put(sql, *token); !written) {
                return fail(written.error());
            }
            return store::commit_refresh(sql, attempt.connection.id, attempt.connection.generation,
                                         attempt.epoch, change, refresh_event(audit::kTokenRefreshed, {}),
                                         clock_());
        });
        bool again = !row && row.error().errc == Errc::kStoreUnavailable && tries < options_.commit_attempts;
        if (!again) {
            return row;
        }
        {
            const WaitingElsewhere waiting;
            std::this_thread::sleep_for(pause);
        }
        pause *= 4;
    }
}

// A refreshed id_token need not come, and a bad one must not cost us a rotated refresh token: it is only left
// out.
void Refresher::keep_id_token(const Attempt &attempt, const OAuthClient &client, Secret id_token,
                              StoredCredentials &credentials) const {
    if (id_token.empty() || !client.verifies_id_tokens(options_.oidc_mode)) {
        return;
    }
    IdTokenExpectation expected = client.expected_id_token();
    expected.is_refresh = true;
    expected.subject = attempt.connection.account_subject;
    expected.access_token = credentials.find("access_token")->view();
    if (const Secret *previous = attempt.credentials.find("id_token")) {
        expected.nonce = nonce_of_kept_id_token(previous->view());
    }
    Result<IdClaims> claims =
        id_tokens_.verify(id_token.view(), client.source, std::move(expected), attempt.connection.id);
    if (!claims) {
        append_event(attempt, refresh_event(audit::kIdTokenVerificationFailed, refusal_code(claims.error())));
        return;
    }
    credentials.usage.emplace_back("id_token", std::move(id_token));
}

// invalid_grant counts only if the refresh token that was refused is still the newest one (field notes 2a).
Result<store::Connection> Refresher::dead_grant(Attempt &attempt, const std::string &reason) {
    auto row = database_.transact([&](store::Transaction &sql) -> Result<store::Connection> {
        Result<store::Token> newest = store::tokens::get(sql, attempt.connection.id);
        if (newest && newest->version != attempt.token_version) {
            return fail(Errc::kConflict, "the refresh token was renewed meanwhile");
        }
        if (!newest && newest.error().errc != Errc::kTokenUnavailable) {
            return fail(newest.error());
        }
        store::ConnectionChange change;
        change.state = connection::State::kAttention;
        change.attention_reason = reason;
        return store::commit_refresh(sql, attempt.connection.id, attempt.connection.generation, attempt.epoch,
                                     change, refresh_event(audit::kTokenRefreshFatal, reason),
                                     clock_());
    });
    if (!row && row.error().errc == Errc::kConflict) {
        return superseded(attempt);
    }
    if (row) {
        log::warn("connection_attention", {{"connection_id", row->id}, {"reason", reason}});
        (void)drainer_.flush(redis::EventKind::kToken, row->id, row->generation);
    }
    return row;
}

// Somebody else changed the row while the provider answered: the row as it is now is the truth.
Result<store::Connection> Refresher::superseded(const Attempt &attempt) {
    give_back(attempt);
    log::info("refresh_superseded", {{"connection_id", attempt.connection.id}, {"epoch", attempt.epoch}});
    return store::connections::get(database_, attempt.connection.id);
}

tl::unexpected<Error> Refresher::later(const Attempt &attempt, const std::string &reason,
                                       int64_t retry_after_s) {
    note(attempt, audit::kTokenRefreshFailed, reason);
    return fail(backoff_.failed(attempt.connection.id, token_unavailable(retry_after_s), clock_()));
}

tl::unexpected<Error> Refresher::misconfigured(const Attempt &attempt, const std::string &reason) {
    note(attempt, audit::kTokenRefreshFailed, reason);
    Error error{Errc::kProviderError, "the provider refused the refresh request", reason, 0};
    return fail(backoff_.failed(attempt.connection.id, std::move(error), clock_()));
}

void Refresher::give_back(const Attempt &attempt) {
    Result<void> released =
        store::connections::release_refresh_lease(database_, attempt.connection.id, attempt.epoch, clock_());
    if (!released) {
        log::warn("lease_not_released", {{"connection_id", attempt.connection.id}});  // it runs out by itself
    }
}

void Refresher::note(const Attempt &attempt, std::string_view audit_type, std::string_view reason) {
    log::warn("refresh_failed", {{"connection_id", attempt.connection.id}, {"reason", reason}});
    append_event(attempt, refresh_event(audit_type, reason));
}

void Refresher::append_event(const Attempt &attempt, audit::Event event) const {
    event.connection_id = attempt.connection.id;
    event.workspace_id = attempt.connection.workspace_id;
    event.provider_id = attempt.connection.provider_id;
    (void)store::audit_log::append(database_, event, clock_());
}

}  // namespace nexus::control
