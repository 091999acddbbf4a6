// Hands out usage credentials: see token_service.h.
#include "control_plane/services/connections/token_service.h"

#include <algorithm>

#include "control_plane/metrics/metrics.h"
#include "control_plane/oauth/credential_alarm.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

// DESIGN 4's table: what a token request gets in this state; no error for active.
Result<void> check_state(const record::TokenRecord &record) {
    std::optional<Errc> refusal = connection::refusal(record.state);
    if (!refusal) {
        return {};
    }
    switch (*refusal) {
        case Errc::kAttentionRequired:
            return fail(*refusal, "a person must reconnect this account", record.attention_reason);
        case Errc::kConnectionPending:
            return fail(*refusal, "nobody has finished the consent yet");
        case Errc::kConnectionRevoked:
            return fail(*refusal, "the connection was revoked");
        default:
            return fail(*refusal, "the connection is not active: " + std::string{to_string(record.state)});
    }
}

bool is_passing_failure(const Error &error) {
    return error.errc == Errc::kTokenUnavailable || error.errc == Errc::kProviderError;
}

}  // namespace

Result<std::string> canonical_connection_id(std::string_view text) {
    if (!encoding::is_uuid(text)) {
        return fail(Errc::kInvalidConnectionId, "the connection id is not a UUID");
    }
    return encoding::to_lower_ascii(text);
}

Result<TokenService::Found> TokenService::find(const Caller &caller, const std::string &connection_id) {
    Result<std::string> id = canonical_connection_id(connection_id);
    if (!id) {
        return fail(id.error());
    }
    // One answer for "unknown" and "not yours", so that ids cannot be probed.
    const Error not_found{Errc::kConnectionNotFound, "no such connection", {}, 0};
    Result<Found> found = store::connections::get_whole(database_, *id);
    if (!found) {
        return fail(found.error().errc == not_found.errc ? not_found : found.error());
    }
    if (found->connection.deleted_at != 0 ||
        !caller.may_see(found->connection.workspace_id, found->connection.id, found->provider.name)) {
        return fail(not_found);
    }
    return found;
}

// What was read together is good as long as the row has not moved on; a refresh made it move.
Result<record::TokenRecord> TokenService::record_of(const Found &found,
                                                    const Result<store::Connection> &row) const {
    if (!row) {
        return fail(row.error());
    }
    return row->generation == found.connection.generation ? records_.token(found) : records_.token(*row);
}

// A refresh that fails for now is no reason to withhold a token that still has seconds to live.
Result<store::Connection> TokenService::make_usable(const store::Connection &connection,
                                                    const RefreshWish &wish) {
    if (decide_refresh(connection, wish, clock_()) == RefreshDecision::kServe) {
        return connection;
    }
    Result<store::Connection> row = engine_.refresh(connection.id, wish);
    if (!row && !wish.forced && is_passing_failure(row.error()) && !is_expired(connection, clock_())) {
        return connection;
    }
    return row;
}

Result<record::TokenRecord> TokenService::usable_record(const Caller &caller, const Found &found,
                                                        const Result<store::Connection> &row) {
    Result<record::TokenRecord> record = record_of(found, row);
    if (record) {
        if (Result<void> state = check_state(*record); !state) {
            record = fail(state.error());
        }
    }
    note(caller, found.connection, record ? nullptr : &record.error());
    if (record && metrics_ != nullptr) {
        bool has_id_token = std::any_of(record->credentials.begin(), record->credentials.end(),
                                        [](const auto &entry) { return entry.first == "id_token"; });
        metrics_->token_get(found.provider.name, has_id_token);
    }
    return record;
}

Result<record::TokenRecord> TokenService::read(const Caller &caller, const std::string &connection_id) {
    if (!caller.may(record::Grant::kTokenRead)) {
        return fail(Errc::kInsufficientGrant, "this needs the grant token:read");
    }
    Result<Found> found = find(caller, connection_id);
    if (!found) {
        return fail(found.error());
    }
    if (found->provider.deleted_at != 0) {
        return usable_record(caller, *found, found->connection);
    }
    return usable_record(caller, *found, make_usable(found->connection, RefreshWish{}));
}

Result<record::TokenRecord> TokenService::refresh(const Caller &caller, const std::string &connection_id) {
    if (!caller.may(record::Grant::kConnectionRefresh)) {
        return fail(Errc::kInsufficientGrant, "this needs the grant connection:refresh");
    }
    Result<Found> found = find(caller, connection_id);
    if (!found) {
        return fail(found.error());
    }
    if (found->provider.deleted_at != 0) {
        return usable_record(caller, *found, found->connection);
    }
    return usable_record(caller, *found, make_usable(found->connection, RefreshWish{true, std::nullopt}));
}

Result<connection::State> TokenService::check(const Caller &caller, const std::string &connection_id) {
    return find(caller, connection_id).map([](const Found &found) {
        return found.provider.deleted_at == 0 ? found.connection.state : connection::State::kRevoked;
    });
}

Result<record::TokenRecord> TokenService::record_for_edge(const Caller &caller,
                                                          const std::string &connection_id) {
    Result<Found> found = find(caller, connection_id);
    if (!found) {
        return fail(found.error());
    }
    Result<store::Connection> row = found->provider.deleted_at == 0
                                        ? make_usable(found->connection, RefreshWish{})
                                        : Result<store::Connection>{found->connection};
    return leased_record(caller, *found, row);
}

Result<record::TokenRecord> TokenService::leased_record(const Caller &caller, const Found &found,
                                                        const Result<store::Connection> &row) {
    Result<record::TokenRecord> record = record_of(found, row);
    note(caller, found.connection, record ? nullptr : &record.error());
    return record;
}

Result<record::TokenRecord> TokenService::refresh_for_edge(const Caller &caller,
                                                           const std::string &connection_id,
                                                           std::optional<int64_t> above_generation) {
    Result<Found> found = find(caller, connection_id);
    if (!found) {
        return fail(found.error());
    }
    Result<store::Connection> row = found->provider.deleted_at == 0
                                        ? make_usable(found->connection, RefreshWish{true, above_generation})
                                        : Result<store::Connection>{found->connection};
    return leased_record(caller, *found, row);
}

void TokenService::note(const Caller &caller, const store::Connection &connection, const Error *error) {
    const std::string_view refused = error == nullptr ? std::string_view{} : refusal_reason(*error);
    audit::Event event =
        error == nullptr   ? caller.event(audit::kTokenRetrieved)
        : !refused.empty() ? caller.event(audit::kCredentialRefused, "reason", refused)
                           : caller.event(audit::kTokenRetrievalFailed, "error", errc_info(error->errc).code);
    event.connection_id = connection.id;
    event.workspace_id = connection.workspace_id;
    event.provider_id = connection.provider_id;
    audit_.push(std::move(event));
}

}  // namespace nexus::control
