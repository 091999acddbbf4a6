// Scoped control-plane keys in SQL: the SHA-256 of each key, what it may do, and where.
#pragma once

#include <string>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct ControlKeyRow {
    std::string key_id;  // public part of nxk_<id>_<secret>
    std::string name;
    std::string sha256;        // 64 hex digits, of the whole key
    uint32_t scopes = 0;       // Scope bits
    std::string workspace_id;  // "" = bound to none
    UnixMs created_at = 0;
    UnixMs expires_at = 0;      // 0 = never
    UnixMs revoked_at = 0;      // 0 = lives
    UnixMs last_used_at = 0;    // 0 = never; some seconds behind
    bool is_suspended = false;  // its workspace is; read only
    UnixMs lifetime_ms = -1;    // as it was made, 0 = for ever; -1 = as it is now; read only

    /// How long a key in its place lives; 0 = for ever.
    UnixMs lifetime() const {
        return lifetime_ms >= 0 ? lifetime_ms : expires_at == 0 ? 0 : expires_at - created_at;
    }

    bool is_active(UnixMs now) const {
        return revoked_at == 0 && !is_suspended && (expires_at == 0 || now < expires_at);
    }
};

struct ControlKeyPage {
    std::vector<ControlKeyRow> items;
    std::string next_cursor;
};

namespace control_keys {

/// errors kConflict (key id or hash taken)
Result<void> create(Executor &sql, const ControlKeyRow &key);
/// Active or not. errors kNotFound
Result<ControlKeyRow> get(Executor &sql, std::string_view key_id);
/// Active or not. errors kInvalidApiKey (unknown hash)
Result<ControlKeyRow> find(Executor &sql, std::string_view sha256_hex);
/// Newest first. workspace_id "" = all. errors kInvalidRequest (cursor)
Result<ControlKeyPage> list(Executor &sql, std::string_view workspace_id, int64_t limit,
                            std::string_view cursor);
/// Again is no error. returns the key afterwards. errors kNotFound
Result<ControlKeyRow> revoke(Transaction &sql, std::string_view key_id, UnixMs now);
/// The key ends at `at` or at its own end, whichever comes first. errors kNotFound (unknown or revoked)
Result<ControlKeyRow> end_by(Transaction &sql, std::string_view key_id, UnixMs at);

}  // namespace control_keys
}  // namespace nexus::control::store
