// Before an attempt is sent, and after its answer: see redeemer.h.
#include "control_plane/refresh/redeemer.h"

#include <algorithm>

#include "control_plane/oauth/authorization_url.h"
#include "control_plane/oauth/credential_alarm.h"
#include "control_plane/oauth/token_credentials.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/refresh/lane_gate.h"
#include "control_plane/refresh/redemption.h"
#include "control_plane/refresh/refresh_words.h"
#include "control_plane/store/audit_repository.h"
#include "shared/connection/refresh_due.h"

namespace nexus::control {

namespace {

// The scheduler's rows are due; a row that was left by a dead process before its intent may not be.
bool is_wanted(const Attempt &attempt, UnixMs now) {
    const store::Refresh &row = attempt.claimed;
    if (attempt.connection.state != connection::State::kActive || !attempt.connection.refreshable) {
        return false;
    }
    if (attempt.is_scheduled) {
        return row.sent_at != 0 || row.attempts != 0 || (row.wanted_at != 0 && row.wanted_at <= now);
    }
    return decide_refresh(attempt.connection, attempt.wish, now) == RefreshDecision::kRefresh;
}

/// The strictest of the profile's limits per connection; nullptr = there is none.
const RateLimit *connection_limit(const std::vector<RateLimit> &limits) {
    const RateLimit *strictest = nullptr;
    for (const RateLimit &limit : limits) {
        if (limit.per == RateLimit::Per::kConnection &&
            (strictest == nullptr || pace_of(limit).interval_us > pace_of(*strictest).interval_us)) {
            strictest = &limit;
        }
    }
    return strictest;
}

/// GCRA on the connection's own row. returns whether it may go now
bool take_turn(Attempt &attempt, const std::vector<RateLimit> &limits, UnixMs now) {
    attempt.rate_at = attempt.claimed.rate_at;
    const RateLimit *limit = connection_limit(limits);
    if (limit == nullptr) {
        return true;
    }
    const Pace pace = pace_of(*limit);
    const int64_t interval_ms = (pace.interval_us + 999) / 1000;
    const UnixMs allowed_at = attempt.claimed.rate_at - (pace.burst - 1) * interval_ms;
    if (allowed_at > now) {
        attempt.rate_at = allowed_at;
        return false;
    }
    attempt.rate_at = std::max(attempt.claimed.rate_at, now) + interval_ms;
    return true;
}

}  // namespace

tl::unexpected<Error> not_refreshable(const store::Provider &provider) {
    if (provider.auth_type == "oauth2") {
        return fail(Errc::kNoRefreshToken, "the provider gave no refresh token for this connection");
    }
    return fail(Errc::kStaticToken, "this connection's credential cannot be refreshed");
}

Result<void> Redeemer::load(Attempt &attempt) const {
    Result<store::Token> token = store::tokens::get(database_, attempt.connection.id);
    if (!token) {
        return fail(token.error());
    }
    Result<StoredCredentials> credentials = open_credentials(vault_, attempt.connection, *token);
    if (!credentials) {
        report_refused(credentials.error(), attempt.connection.id, metrics_);
        return fail(credentials.error());
    }
    attempt.credentials = std::move(*credentials);
    return {};
}

// By the refresh token; a machine's own connection just asks again (RFC 6749 section 4.4.3).
Result<void> Redeemer::make_exchange(Attempt &attempt) const {
    Result<Variables> variables = parse_variables(attempt.connection.variables);
    if (!variables) {
        return fail(variables.error());
    }
    Result<OAuthClient> client = resolve_client(attempt.provider, vault_, discovery_, *variables);
    if (!client) {
        return fail(client.error());
    }
    if (Result<void> keyed = use_dpop_key(*client, attempt.credentials.dpop_key); !keyed) {
        return fail(keyed.error());
    }
    if (!client->can_renew(attempt.credentials.refresh_token)) {
        return not_refreshable(attempt.provider);
    }
    attempt.client = std::make_shared<const OAuthClient>(std::move(*client));
    attempt.reuse = attempt.client->profile.reuse;
    if (attempt.client->is_client_credentials()) {
        attempt.reuse.use = RefreshReuse::Use::kReusable;
        attempt.exchange.emplace(
            endpoint_.begin_client_credentials(attempt.client, attempt.connection.scopes));
    } else {
        attempt.exchange.emplace(endpoint_.begin_refresh(attempt.client, attempt.credentials.refresh_token));
    }
    attempt.request = attempt.exchange->next();
    return {};
}

Result<Redeemer::Prepared> Redeemer::prepare(Attempt &attempt) const {
    const std::string &id = attempt.claimed.connection_id;
    Result<store::Connection> connection = store::connections::get(database_, id);
    if (!connection) {
        return fail(connection.error());
    }
    attempt.connection = std::move(*connection);
    if (!is_wanted(attempt, clock_())) {
        return Prepared::kNothing;
    }
    if (plan_redemption(attempt.claimed, attempt.reuse, clock_()) == Plan::kLost) {
        return Prepared::kLost;
    }
    if (Result<void> loaded = load(attempt); !loaded) {
        return fail(loaded.error());
    }
    if (Result<void> made = make_exchange(attempt); !made) {
        return fail(made.error());
    }
    return take_turn(attempt, attempt.client->profile.rate_limits, clock_()) ? Prepared::kReady
                                                                             : Prepared::kTooSoon;
}

std::shared_ptr<const Answer> Redeemer::take_answer(const Attempt &attempt, TokenResponse response,
                                                    int64_t slow_ms) const {
    const UnixMs now = clock_();
    auto answer = std::make_shared<Answer>();
    answer->connection_id = attempt.connection.id;
    answer->epoch = attempt.claimed.epoch;
    Secret id_token = std::move(response.id_token);
    answer->credentials = credentials_from(response, attempt.credentials.refresh_token);
    answer->credentials.dpop_key = attempt.client->dpop_key.clone();
    keep_id_token(attempt, std::move(id_token), answer->credentials);
    store::ConnectionChange &change = answer->change;
    change.expires_at = expires_at_from(response, attempt.sent_at);
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
    answer->due_at = connection::refresh_due_at(attempt.connection.id, now, *change.expires_at, slow_ms);
    return answer;
}

std::shared_ptr<const Answer> Redeemer::take_refresh_token(const Attempt &attempt,
                                                           TokenResponse response) const {
    auto answer = std::make_shared<Answer>();
    answer->connection_id = attempt.connection.id;
    answer->epoch = attempt.claimed.epoch;
    for (const auto &[name, value] : attempt.credentials.usage) {
        answer->credentials.usage.emplace_back(name, value.clone());
    }
    answer->credentials.refresh_token = std::move(response.refresh_token);
    answer->credentials.dpop_key = attempt.client->dpop_key.clone();
    answer->change.refreshable = true;
    answer->due_at = clock_() + retry_pause_ms(attempt.connection.id, 1, response.retry_after_s);
    return answer;
}

// A refreshed id_token need not come, and a bad one must not cost us a rotated refresh token: it is only left
// out.
void Redeemer::keep_id_token(const Attempt &attempt, Secret id_token, StoredCredentials &credentials) const {
    const OAuthClient &client = *attempt.client;
    if (id_token.empty() || !client.verifies_id_tokens(oidc_mode_)) {
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
        (void)store::audit_log::append(database_,
                                       refresh_event_of(attempt.connection, audit::kIdTokenVerificationFailed,
                                                        refusal_code(claims.error())),
                                       clock_());
        return;
    }
    credentials.usage.emplace_back("id_token", std::move(id_token));
}

}  // namespace nexus::control
