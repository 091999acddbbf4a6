// Refreshes a connection on demand: see refresher.h.
#include "control_plane/refresh/refresher.h"

#include <algorithm>
#include <thread>

#include "control_plane/json/json.h"
#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oauth/authorization_url.h"
#include "control_plane/store/audit_repository.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

audit::Event event_of(std::string_view type, std::string_view reason) {
    audit::Event event;
    event.type = type;
    event.actor = "system";
    if (!reason.empty()) {
        event.data = json::Value::object().set("reason", reason).dump_text();
    }
    return event;
}

Error unavailable(int64_t retry_after_s) {
    return Error{Errc::kTokenUnavailable,
                 "the token cannot be refreshed right now",
                 {},
                 std::max<int64_t>(1, retry_after_s)};
}

tl::unexpected<Error> not_refreshable(const store::Provider &provider) {
    if (provider.auth_type == "oauth2") {
        return fail(Errc::kNoRefreshToken, "the provider gave no refresh token for this connection");
    }
    return fail(Errc::kStaticToken, "this connection's credential cannot be refreshed");
}

}  // namespace

Refresher::Refresher(store::Database &database, const Vault &vault, Discovery &discovery,
                     TokenEndpoint endpoint, OutboxDrainer &drainer, Clock clock, Metrics *metrics,
                     RefresherOptions options)
    : database_(database),
      vault_(vault),
      discovery_(discovery),
      id_tokens_(discovery, clock, metrics),
      endpoint_(std::move(endpoint)),
      drainer_(drainer),
      clock_(std::move(clock)),
      metrics_(metrics),
      options_(options),
      owner_(crypto::random_uuid()),
      flights_(options.join_wait) {}

Result<store::Connection> Refresher::refresh(const std::string &connection_id, const RefreshWish &wish) {
    Result<store::Connection> connection = store::connections::get(database_, connection_id);
    if (!connection) {
        return connection;
    }
    switch (decide_refresh(*connection, wish, clock_())) {
        case RefreshDecision::kServe:
            return connection;
        case RefreshDecision::kExpire:
            return expire(*connection);
        case RefreshDecision::kNotRefreshable: {
            Result<store::Provider> provider = store::providers::get_any(database_, connection->provider_id);
            return provider ? not_refreshable(*provider) : fail(provider.error());
        }
        case RefreshDecision::kRefresh:
            break;
    }
    return flights_.run(connection_id, [&] { return refresh_once(connection_id, wish); });
}

// The row may have moved since the caller looked: decided again here, and once more under the lease.
Result<store::Connection> Refresher::refresh_once(const std::string &connection_id, const RefreshWish &wish) {
    UnixMs give_up_at = clock_() + options_.lease_wait_ms;
    for (;;) {
        Result<store::Connection> connection = store::connections::get(database_, connection_id);
        if (!connection || decide_refresh(*connection, wish, clock_()) != RefreshDecision::kRefresh) {
            return connection;
        }
        if (std::optional<Error> recent = backoff_.current(connection_id, clock_())) {
            return fail(std::move(*recent));
        }
        Result<std::optional<int64_t>> epoch = store::connections::claim_refresh_lease(
            database_, connection_id, owner_, clock_(), options_.lease_ms);
        if (!epoch) {
            return fail(epoch.error());
        }
        if (*epoch) {
            bool had_unstored = unstored_.contains(connection_id);
            Result<store::Connection> row = run_leased(*connection, wish, **epoch);
            if (row && had_unstored && is_nearly_expired(*row, clock_())) {
                continue;  // what was kept has died meanwhile; its refresh token is good
            }
            return row;
        }
        if (clock_() >= give_up_at) {
            return fail(unavailable(1));
        }
        Result<store::Connection> moved = wait_for_other(*connection);
        if (!moved) {
            return moved;
        }
        if (moved->generation != connection->generation) {
            return moved;  // that other refresh is the answer, also to a forced caller
        }
    }
}

// Another process holds the lease: waits for the row to move or the lease to be free, within bounds.
Result<store::Connection> Refresher::wait_for_other(const store::Connection &seen) {
    UnixMs give_up_at = clock_() + options_.lease_wait_ms;
    for (;;) {
        std::this_thread::sleep_for(options_.lease_poll);
        Result<store::Connection> row = store::connections::get(database_, seen.id);
        if (!row || row->generation != seen.generation || row->refresh_lease_until <= clock_() ||
            clock_() >= give_up_at) {
            return row;
        }
    }
}

Result<store::Connection> Refresher::expire(const store::Connection &connection) {
    store::ConnectionChange change;
    change.state = connection::State::kExpired;
    UnixMs now = clock_();
    auto moved = database_.transact([&](store::Transaction &sql) {
        return store::change_connection(sql, connection.id, connection.generation, change,
                                        event_of(audit::kConnectionExpired, {}), now);
    });
    if (!moved && moved.error().errc == Errc::kConflict) {
        return store::connections::get(database_, connection.id);
    }
    if (moved) {
        log::info("connection_expired", {{"connection_id", connection.id}});
        (void)drainer_.flush(redis::EventKind::kToken, moved->id, moved->generation);
    }
    return moved;
}

Result<store::Connection> Refresher::run_leased(const store::Connection &connection, const RefreshWish &wish,
                                                int64_t epoch) {
    Attempt attempt;
    attempt.connection = connection;
    attempt.epoch = epoch;
    Result<store::Connection> row = store::connections::get(database_, connection.id);
    if (!row || decide_refresh(*row, wish, clock_()) != RefreshDecision::kRefresh) {
        give_back(attempt);
        return row;
    }
    attempt.connection = std::move(*row);
    if (Result<void> loaded = load(attempt); !loaded) {
        give_back(attempt);
        return fail(loaded.error());
    }
    std::optional<Unstored> kept =
        unstored_.take(attempt.connection.id, attempt.connection.generation, attempt.token_version);
    if (kept) {
        return store_or_keep(attempt, std::move(kept->credentials), kept->change);
    }
    Result<OAuthClient> client = resolve_client(attempt.provider, vault_, discovery_);
    if (!client) {
        give_back(attempt);
        return unresolved(attempt, client.error());
    }
    log::debug("refresh_started", {{"connection_id", connection.id}, {"epoch", epoch}});
    auto start = std::chrono::steady_clock::now();
    attempt.asked_at = clock_();
    TokenResponse response = endpoint_.refresh(*client, attempt.credentials.refresh_token);
    if (metrics_ != nullptr) {
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        bool ok = response.outcome == TokenOutcome::kTokens;
        metrics_->token_refresh(attempt.provider.name, ok ? "success" : response.reason, seconds);
    }
    return apply(attempt, std::move(response), *client);
}

// Discovery failed, which says nothing about the connection; or our own vault did, which is nobody else's
// business.
tl::unexpected<Error> Refresher::unresolved(const Attempt &attempt, const Error &error) {
    switch (error.errc) {
        case Errc::kProviderUnavailable:
            return later(attempt, "discovery_unavailable", error.retry_after_s);
        case Errc::kProviderError:
        case Errc::kEgressDenied:
            return misconfigured(attempt, "discovery_failed");
        default:
            return fail(error);
    }
}

Result<void> Refresher::load(Attempt &attempt) {
    Result<store::Provider> provider = store::providers::get(database_, attempt.connection.provider_id);
    if (!provider) {
        return fail(provider.error());
    }
    Result<store::Token> token = store::tokens::get(database_, attempt.connection.id);
    if (!token) {
        return fail(token.error());
    }
    Result<StoredCredentials> credentials = open_credentials(vault_, *token);
    if (!credentials) {
        return fail(credentials.error());
    }
    if (credentials->refresh_token.empty()) {
        return not_refreshable(*provider);
    }
    attempt.provider = std::move(*provider);
    attempt.token_version = token->version;
    attempt.credentials = std::move(*credentials);
    return {};
}

Result<store::Connection> Refresher::apply(Attempt &attempt, TokenResponse response,
                                           const OAuthClient &client) {
    switch (response.outcome) {
        case TokenOutcome::kTokens:
            return store_tokens(attempt, std::move(response), client);
        case TokenOutcome::kInvalidGrant:
            return dead_grant(attempt);
        case TokenOutcome::kTransient:
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
    keep_id_token(attempt, client, std::move(id_token), credentials);
    store::ConnectionChange change;
    change.expires_at = expires_at_from(response, attempt.asked_at);
    change.refreshable = true;
    change.last_refreshed_at = now;
    if (response.scope) {
        change.scopes = split_scopes(*response.scope);
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
        seal_credentials(vault_, attempt.connection.id, attempt.token_version + 1, credentials, clock_());
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
                                         attempt.epoch, change, event_of(audit::kTokenRefreshed, {}),
                                         clock_());
        });
        bool again = !row && row.error().errc == Errc::kStoreUnavailable && tries < options_.commit_attempts;
        if (!again) {
            return row;
        }
        std::this_thread::sleep_for(pause);
        pause *= 4;
    }
}

// A refreshed id_token need not come, and a bad one must not cost us a rotated refresh token: it is only left
// out.
void Refresher::keep_id_token(const Attempt &attempt, const OAuthClient &client, Secret id_token,
                              StoredCredentials &credentials) const {
    if (id_token.empty() || client.issuer.empty()) {
        return;
    }
    Result<IdClaims> claims =
        id_tokens_.verify(id_token.view(), client.issuer, client.client_id, std::nullopt);
    const std::string &subject = attempt.connection.account_subject;
    if (!claims || (!subject.empty() && claims->subject != subject)) {
        log::warn("refreshed_id_token_refused", {{"connection_id", attempt.connection.id}});
        return;
    }
    credentials.usage.emplace_back("id_token", std::move(id_token));
}

// invalid_grant counts only if the refresh token that was refused is still the newest one (field notes 2a).
Result<store::Connection> Refresher::dead_grant(Attempt &attempt) {
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
        change.attention_reason = "invalid_grant";
        return store::commit_refresh(sql, attempt.connection.id, attempt.connection.generation, attempt.epoch,
                                     change, event_of(audit::kTokenRefreshFatal, "invalid_grant"), clock_());
    });
    if (!row && row.error().errc == Errc::kConflict) {
        return superseded(attempt);
    }
    if (row) {
        log::warn("connection_attention", {{"connection_id", row->id}, {"reason", "invalid_grant"}});
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
    return fail(backoff_.failed(attempt.connection.id, unavailable(retry_after_s), clock_()));
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
    audit::Event event = event_of(audit_type, reason);
    event.connection_id = attempt.connection.id;
    event.workspace_id = attempt.connection.workspace_id;
    event.provider_id = attempt.connection.provider_id;
    (void)store::audit_log::append(database_, event, clock_());
}

}  // namespace nexus::control
