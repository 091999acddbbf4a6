// Scoped control-plane keys: see control_key_service.h.
#include "control_plane/services/access/control_key_service.h"

#include <algorithm>

#include "control_plane/log/log.h"
#include "control_plane/services/label.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/workspace_repository.h"

namespace nexus::control {

namespace {

tl::unexpected<Error> refuse(std::string_view member, std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member " + std::string{member} + " " + std::string{sentence},
                std::string{member});
}

Result<Scopes> parse_scopes(const std::vector<std::string> &names) {
    Scopes scopes;
    for (const std::string &name : names) {
        std::optional<Scope> scope = parse_scope(name);
        if (!scope) {
            return refuse("scopes", "must hold names of scopes");
        }
        scopes = scopes | *scope;
    }
    if (scopes.empty()) {
        return refuse("scopes", "must name at least one scope");
    }
    return scopes;
}

Result<void> check_gift(const Caller &caller, Scopes scopes) {
    if (caller.kind != Caller::Kind::kControl || !caller.scopes.has_all_of(scopes)) {
        return fail(Errc::kInsufficientGrant, "a key cannot give scopes that it does not have itself",
                    "scopes");
    }
    return {};
}

Result<void> record(store::Transaction &sql, const Caller &caller, std::string_view type,
                    const store::ControlKeyRow &row, UnixMs now) {
    audit::Event event = caller.event(type, "key_id", row.key_id);
    event.workspace_id = row.workspace_id;
    return store::audit_log::append(sql, event, now);
}

store::ControlKeyRow row_of(const NewKey &key) {
    store::ControlKeyRow row;
    row.key_id = key.key_id;
    row.sha256 = key.sha256;
    row.created_at = key.created_at;
    row.expires_at = key.expires_at;
    return row;
}

}  // namespace

Result<NewControlKey> ControlKeyService::create(const Caller &caller, const ControlKeyRequest &request) {
    const UnixMs now = clock_();
    if (!is_label(request.name)) {
        return refuse("name", "must be 1 to 255 bytes without control characters");
    }
    Result<Scopes> scopes = parse_scopes(request.scopes);
    if (!scopes) {
        return fail(scopes.error());
    }
    Result<std::string> workspace = caller.choose_workspace(request.workspace_id);
    if (!workspace) {
        return fail(workspace.error());
    }
    if (!workspace->empty() && !is_label(*workspace)) {
        return refuse("workspace_id", "must be 1 to 255 bytes without control characters");
    }
    if (Result<void> checked = check_gift(caller, *scopes); !checked) {
        return fail(checked.error());
    }
    if (!workspace->empty() && !kWorkspaceScopes.has_all_of(*scopes)) {
        return refuse("scopes",
                      "of a key for one workspace cannot be providers:write, secrets:read or vault:admin");
    }
    NewKey key = new_api_key(kControlKeyPrefix, now, request.expires_at);
    store::ControlKeyRow row = row_of(key);
    row.name = request.name;
    row.scopes = scopes->bits();
    row.workspace_id = std::move(*workspace);
    Result<void> created = database_.transact([&](store::Transaction &sql) -> Result<void> {
        if (!row.workspace_id.empty()) {
            if (Result<void> used = store::workspaces::use(sql, row.workspace_id, now); !used) {
                return used;
            }
        }
        if (Result<void> inserted = store::control_keys::create(sql, row); !inserted) {
            return inserted;
        }
        return record(sql, caller, audit::kControlKeyCreated, row, now);
    });
    if (!created) {
        return fail(created.error());
    }
    log::info("control_key_created", {{"key_id", row.key_id}});
    return NewControlKey{std::move(row), std::move(key)};
}

Result<store::ControlKeyPage> ControlKeyService::list(const Caller &caller, const std::string &workspace_id,
                                                      int64_t limit, const std::string &cursor) {
    return caller.choose_workspace(workspace_id).and_then([&](const std::string &workspace) {
        return store::control_keys::list(database_, workspace, limit, cursor);
    });
}

Result<store::ControlKeyRow> ControlKeyService::get(const Caller &caller, const std::string &key_id) {
    return find(database_, caller, key_id);
}

Result<RotatedControlKey> ControlKeyService::rotate(const Caller &caller, const std::string &key_id,
                                                    UnixMs overlap_ms, UnixMs expires_at) {
    const UnixMs now = clock_();
    RotatedControlKey out;
    out.rotated.key = new_api_key(kControlKeyPrefix, now, expires_at);
    out.rotated.old_key_id = key_id;
    Result<void> rotated = database_.transact([&](store::Transaction &sql) -> Result<void> {
        Result<store::ControlKeyRow> old = find(sql, caller, key_id);
        if (!old) {
            return fail(old.error());
        }
        if (!old->is_active(now)) {
            return fail(Errc::kNotFound, "the key has ended");
        }
        if (Result<void> checked = check_gift(caller, Scopes{old->scopes}); !checked) {
            return checked;
        }
        Result<store::ControlKeyRow> ended = store::control_keys::end_by(sql, key_id, now + overlap_ms);
        if (!ended) {
            return fail(ended.error());
        }
        if (expires_at == 0 && old->lifetime() != 0) {  // a key that ends is replaced by one that ends
            out.rotated.key.expires_at = now + old->lifetime();
        }
        out.rotated.old_expires_at = ended->expires_at;
        out.row = row_of(out.rotated.key);
        out.row.name = old->name;
        out.row.scopes = old->scopes;
        out.row.workspace_id = old->workspace_id;
        if (Result<void> inserted = store::control_keys::create(sql, out.row); !inserted) {
            return inserted;
        }
        return record(sql, caller, audit::kControlKeyRotated, *old, now);
    });
    if (!rotated) {
        return fail(rotated.error());
    }
    log::info("control_key_rotated", {{"old_key_id", key_id}, {"key_id", out.row.key_id}});
    return out;
}

Result<void> ControlKeyService::revoke(const Caller &caller, const std::string &key_id) {
    const UnixMs now = clock_();
    Result<void> revoked = database_.transact([&](store::Transaction &sql) -> Result<void> {
        Result<store::ControlKeyRow> key = find(sql, caller, key_id);
        if (!key) {
            return fail(key.error());
        }
        if (Result<store::ControlKeyRow> ended = store::control_keys::revoke(sql, key_id, now); !ended) {
            return fail(ended.error());
        }
        return record(sql, caller, audit::kControlKeyRevoked, *key, now);
    });
    if (revoked) {
        log::info("control_key_revoked", {{"key_id", key_id}});
    }
    return revoked;
}

Result<store::ControlKeyRow> ControlKeyService::find(store::Executor &sql, const Caller &caller,
                                                     const std::string &key_id) {
    const Error not_found{Errc::kNotFound, "there is no such key", {}, 0};
    if (!is_api_key_id(key_id)) {
        return fail(not_found);
    }
    Result<store::ControlKeyRow> key = store::control_keys::get(sql, key_id);
    if (key && !caller.may_enter(key->workspace_id)) {
        return fail(not_found);
    }
    return key;
}

}  // namespace nexus::control
