// What a provider's answer has brought: see answer.h.
#include "control_plane/refresh/answer.h"

#include "control_plane/audit/event.h"
#include "control_plane/json/json.h"
#include "control_plane/refresh/redemption.h"
#include "control_plane/refresh/refresh_words.h"
#include "control_plane/store/refresh_repository.h"
#include "control_plane/store/transition.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> unreadable() {
    return fail(Errc::kMalformedRecord, "an answer in the journal is unreadable");
}

std::optional<std::string> text_of(const json::Value &object, std::string_view name) {
    const json::Value value = object.get(name);
    return value.is_string() ? std::optional<std::string>{value.as_string()} : std::nullopt;
}

std::optional<UnixMs> time_of(const json::Value &object, std::string_view name) {
    const json::Value value = object.get(name);
    return value.is_integer() ? std::optional<UnixMs>{value.as_integer()} : std::nullopt;
}

}  // namespace

Result<store::Connection> store_answer(store::Transaction &sql,
                                       std::vector<store::audit_log::Pending> &events, const Vault &vault,
                                       const Answer &answer, UnixMs now) {
    Result<store::Connection> connection = store::connections::get(sql, answer.connection_id);
    if (!connection) {
        return connection;
    }
    Result<store::Refresh> row = store::refreshes::get(sql, answer.connection_id);
    if (!row) {
        return fail(row.error());
    }
    if (row->token_epoch == answer.epoch) {
        return connection;
    }
    if (!may_store(*row, *connection, answer.epoch)) {
        return fail(Errc::kInvalidState, "the connection has gone on without this answer");
    }
    Result<store::Token> token =
        seal_credentials(vault, *connection, connection->token_version + 1, answer.credentials, now);
    if (!token) {
        return fail(token.error());
    }
    if (Result<void> written = store::tokens::put(sql, *token); !written) {
        return fail(written.error());
    }
    store::ConnectionChange change = answer.change;
    change.state = connection::State::kActive;
    audit::Event event = refresh_event(audit::kTokenRefreshed, {});
    Result<store::Connection> changed = store::change_refreshed(sql, *connection, change, event, now);
    if (!changed) {
        return changed;
    }
    row->epoch = row->token_epoch = answer.epoch;
    row->due_at = row->wanted_at = answer.due_at;
    if (Result<void> renewed = store::refreshes::renew(sql, *row); !renewed) {
        return fail(renewed.error());
    }
    events.push_back({std::move(event), now});
    return changed;
}

bool is_superseded(Errc errc) noexcept {
    return errc == Errc::kInvalidState || errc == Errc::kConnectionNotFound || errc == Errc::kNoRefreshToken;
}

Secret to_json(const Answer &answer) {
    json::Value object = json::Value::object();
    object.set("connection_id", answer.connection_id).set("epoch", answer.epoch).set("due_at", answer.due_at);
    object.set("credentials", to_json(answer.credentials));
    if (answer.change.expires_at) {
        object.set("expires_at", *answer.change.expires_at);
    }
    if (answer.change.last_refreshed_at) {
        object.set("last_refreshed_at", *answer.change.last_refreshed_at);
    }
    if (answer.change.scopes) {
        object.set("scopes", *answer.change.scopes);
    }
    if (answer.change.metadata) {
        object.set("metadata", *answer.change.metadata);
    }
    if (answer.change.variables) {
        object.set("variables", *answer.change.variables);
    }
    return object.dump();
}

Result<Answer> parse_answer(std::string_view text) {
    Result<json::Value> object = json::parse_object(text);
    if (!object || !object->get("epoch").is_integer()) {
        return unreadable();
    }
    const json::Value credentials_text = object->get("credentials");
    Result<StoredCredentials> credentials = parse_stored_credentials(credentials_text.as_string());
    if (!credentials) {
        return unreadable();
    }
    Answer answer;
    answer.connection_id = text_of(*object, "connection_id").value_or("");
    answer.epoch = object->get("epoch").as_integer();
    answer.due_at = object->get("due_at").as_integer();
    answer.credentials = std::move(*credentials);
    answer.change.expires_at = time_of(*object, "expires_at");
    answer.change.refreshable = true;
    answer.change.last_refreshed_at = time_of(*object, "last_refreshed_at");
    if (const json::Value scopes = object->get("scopes"); scopes.is_array()) {
        answer.change.scopes.emplace();
        for (size_t i = 0; i < scopes.size(); ++i) {
            answer.change.scopes->emplace_back(scopes.at(i).as_string());
        }
    }
    answer.change.metadata = text_of(*object, "metadata");
    answer.change.variables = text_of(*object, "variables");
    return answer;
}

}  // namespace nexus::control
