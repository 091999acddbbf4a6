// Refreshes a connection on demand: see refresher.h.
#include "control_plane/refresh/refresher.h"

#include <thread>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oauth/credential_alarm.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/refresh/refresh_words.h"
#include "control_plane/workers/worker_pool.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> not_refreshable(const store::Provider &provider) {
    if (provider.auth_type == "oauth2") {
        return fail(Errc::kNoRefreshToken, "the provider gave no refresh token for this connection");
    }
    return fail(Errc::kStaticToken, "this connection's credential cannot be refreshed");
}

bool asks_again(const store::Provider &provider) {
    Result<OAuthProfile> profile = stored_oauth_profile(provider.oauth);
    return profile && profile->grant == OAuthProfile::Grant::kClientCredentials;
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
            return fail(token_unavailable(1));
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
        {
            const WaitingElsewhere waiting;
            std::this_thread::sleep_for(options_.lease_poll);
        }
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
                                        refresh_event(audit::kConnectionExpired, {}), now);
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
    Result<OAuthClient> client =
        parse_variables(attempt.connection.variables).and_then([&](const Variables &variables) {
            return resolve_client(attempt.provider, vault_, discovery_, variables);
        });
    if (!client) {
        give_back(attempt);
        return unresolved(attempt, client.error());
    }
    if (Result<void> keyed = use_dpop_key(*client, attempt.credentials.dpop_key); !keyed) {
        give_back(attempt);
        return fail(keyed.error());
    }
    log::debug("refresh_started", {{"connection_id", connection.id}, {"epoch", epoch}});
    auto start = std::chrono::steady_clock::now();
    attempt.asked_at = clock_();
    TokenResponse response = renew(attempt, *client);
    if (metrics_ != nullptr) {
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        bool ok = response.outcome == TokenOutcome::kTokens;
        metrics_->token_refresh(attempt.provider.name, ok ? "success" : response.reason, seconds);
    }
    return apply(attempt, std::move(response), *client);
}

// By the refresh token; a machine's own connection just asks again (RFC 6749 section 4.4.3).
TokenResponse Refresher::renew(const Attempt &attempt, const OAuthClient &client) const {
    return client.is_client_credentials() ? endpoint_.client_credentials(client, attempt.connection.scopes)
                                          : endpoint_.refresh(client, attempt.credentials.refresh_token);
}

// Discovery failed, which says nothing about the connection; or our own vault did, which is nobody else's
// business.
tl::unexpected<Error> Refresher::unresolved(const Attempt &attempt, const Error &error) {
    switch (error.errc) {
        case Errc::kProviderUnavailable:
        case Errc::kProviderSilent:
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
    Result<StoredCredentials> credentials = open_credentials(vault_, attempt.connection, *token);
    if (!credentials) {
        report_refused(credentials.error(), attempt.connection.id, metrics_);
        return fail(credentials.error());
    }
    if (credentials->refresh_token.empty() && !asks_again(*provider)) {
        return not_refreshable(*provider);
    }
    attempt.provider = std::move(*provider);
    attempt.token_version = token->version;
    attempt.credentials = std::move(*credentials);
    return {};
}

}  // namespace nexus::control
