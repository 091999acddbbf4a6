// Connections in SQL. Every change is a compare-and-set and bumps `generation`, which edges follow. State
// rules are shared/connection's; audit and outbox are joined to a change by store/transition.h, which
// services use.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"
#include "shared/connection/state.h"

namespace nexus::control::store {

struct Connection {
    std::string id;  // UUID
    std::string workspace_id;
    std::string user_id;
    std::string provider_id;
    connection::State state = connection::State::kPending;
    int64_t generation = 1;
    std::vector<std::string> scopes;
    std::string return_url;

    // The consent flow in progress; all empty when there is none (but return_url, which the last one leaves).
    std::string flow_id;  // `jti` of the state; single use
    UnixMs flow_expires_at = 0;
    std::string code_verifier_box;  // sealed. Place: connections, id, code_verifier, flow_expires_at
    std::string nonce;
    std::vector<std::string> flow_scopes;  // asked for; they become `scopes` when the flow succeeds
    std::string flow_variables = "{}";     // JSON object; they become `variables` when the flow succeeds
    bool flow_allows_other_account = false;
    std::string code_verifier_key_id;  // hex id of the vault key that sealed the box; read only

    std::string account_subject;   // who granted, at the provider; a reconnect must be the same
    std::string attention_reason;  // in state attention (and failed)
    UnixMs expires_at = 0;         // of the usage credential; 0 = does not expire
    bool refreshable = false;
    std::string labels = "{}";     // JSON object of strings: the users' own
    std::string metadata = "{}";   // JSON object of strings: fields kept of the provider's answers
    std::string variables = "{}";  // JSON object of strings: values for the templates in the profile's URLs
    std::vector<std::string> request_rules;  // what it may be used for; empty = everything
    int64_t token_version = 0;     // of the newest box in `tokens`; an older one there was put back

    UnixMs last_refreshed_at = 0;

    UnixMs created_at = 0;
    UnixMs updated_at = 0;
    UnixMs deleted_at = 0;  // 0 = lives
};

struct ConnectionFilter {
    std::string workspace_id;  // "" = any, like the rest
    std::string provider_id;
    std::string user_id;
    std::vector<std::pair<std::string, std::string>> labels;  // name and value; all of them
    std::optional<connection::State> state;
};

struct ConnectionPage {
    std::vector<Connection> items;
    std::string next_cursor;  // "" = that was all
};

/// What a change writes; members left unset keep their value. Leaving attention clears attention_reason.
struct ConnectionChange {
    std::optional<connection::State> state;
    std::optional<std::string> attention_reason;
    std::optional<UnixMs> expires_at;
    std::optional<bool> refreshable;
    std::optional<std::string> account_subject;
    std::optional<std::vector<std::string>> scopes;
    std::optional<UnixMs> last_refreshed_at;
    std::optional<std::string> labels;  // JSON objects
    std::optional<std::string> metadata;
    std::optional<std::string> variables;
    std::optional<std::vector<std::string>> request_rules;
    std::optional<UnixMs> deleted_at;
};

struct Flow {
    std::string flow_id;
    UnixMs flow_expires_at = 0;
    std::string code_verifier_box;
    std::string nonce;
    std::string return_url;
    std::vector<std::string> scopes;
    std::string variables = "{}";
    bool allows_other_account = false;
};

namespace connections {

/// errors kConflict (id taken)
Result<void> create(Executor &sql, const Connection &connection);
/// Living ones only. errors kConnectionNotFound
Result<Connection> get(Executor &sql, std::string_view id);
/// Deleted ones too: edges must still be told. errors kConnectionNotFound
Result<Connection> get_any(Executor &sql, std::string_view id);
/// Newest first. limit 1..1000. errors kInvalidRequest (cursor)
Result<ConnectionPage> list(Executor &sql, const ConnectionFilter &filter, int64_t limit,
                            std::string_view cursor);

/// Begins another consent for an existing connection (reconnect, or a failed first try). Does not bump the
/// generation: edges need not know. errors kConnectionNotFound, kConnectionRevoked
Result<void> start_flow(Executor &sql, std::string_view id, const Flow &flow, UnixMs now);
/// Uses a flow up: of any number of callers one gets the connection as it was before (with flow members set).
/// errors kInvalidState (unknown, used, expired, or of a revoked connection)
Result<Connection> take_flow(Transaction &sql, std::string_view id, std::string_view flow_id, UnixMs now);
/// The same check without using it up, for showing a form. errors kInvalidState
Result<Connection> peek_flow(Executor &sql, std::string_view id, std::string_view flow_id, UnixMs now);

/// Compare-and-set on the generation; the new one is one higher.
/// returns the connection afterwards. errors kConnectionNotFound; kConflict (another generation, or no such
/// transition)
Result<Connection> change(Transaction &sql, std::string_view id, int64_t expected_generation,
                          const ConnectionChange &change, UnixMs now);

/// The same of a connection that was read in this transaction. errors kConflict
Result<Connection> change_from(Transaction &sql, const Connection &before, const ConnectionChange &change,
                               UnixMs now);

/// token_version of each of these that exists, at most 1000.
Result<std::map<std::string, int64_t>> token_versions(Executor &sql, std::span<const std::string> ids);

/// Deletes pending connections whose flow expired before `before`, at most `limit`. returns how many
Result<int64_t> delete_expired_pending(Executor &sql, UnixMs before, int64_t limit);
/// Removes the rows of connections that were deleted before `before`, at most `limit`. returns how many
Result<int64_t> purge_deleted(Executor &sql, UnixMs before, int64_t limit);

}  // namespace connections
}  // namespace nexus::control::store
