// Key rotation: see vault_service.h.
#include "control_plane/services/vault_service.h"

#include <algorithm>

#include "control_plane/json/json.h"
#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oauth/client.h"
#include "control_plane/oauth/code_verifier_box.h"
#include "control_plane/oauth/credential_alarm.h"
#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/services/audit/audit_key.h"
#include "control_plane/store/audit_repository.h"
#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

std::string id_of(const store::BoundToken &row) {
    return row.connection.id;
}
std::string id_of(const store::Provider &row) {
    return row.id;
}
std::string id_of(const store::Connection &row) {
    return row.id;
}
std::string id_of(const store::InstallationSecret &row) {
    return row.name;
}

std::string to_cursor(const store::BoundToken &last) {
    return last.key_id + ":" + last.connection.id;
}

Result<std::optional<store::vault_rows::TokenPosition>> parse_cursor(const std::string &cursor) {
    if (cursor.empty()) {
        return std::optional<store::vault_rows::TokenPosition>{};
    }
    const size_t colon = cursor.find(':');
    store::vault_rows::TokenPosition position;
    if (colon != std::string::npos) {
        position = {cursor.substr(0, colon), cursor.substr(colon + 1)};
    }
    const bool is_key = position.key_id.size() <= 64 &&
                        position.key_id.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!is_key || !encoding::is_uuid(position.connection_id)) {
        return fail(Errc::kInvalidRequest, "member cursor is not one that this server gave out", "cursor");
    }
    return std::optional{std::move(position)};
}

audit::Event resealed_event(const Caller &caller, std::string_view kind, int64_t boxes,
                            const std::string &key_id) {
    audit::Event event = caller.event(audit::kVaultResealed);
    event.data =
        json::Value::object().set("kind", kind).set("boxes", boxes).set("key_id", key_id).dump_text();
    return event;
}

}  // namespace

Result<VaultKeys> VaultService::keys() {
    Result<std::map<std::string, store::KeyUse>> uses = store::vault_rows::count(database_, clock_());
    if (!uses) {
        return fail(uses.error());
    }
    VaultKeys out;
    for (const std::string &id : vault_.key_ids()) {
        VaultKey key;
        key.id = id;
        key.role = out.keys.empty() ? VaultKey::Role::kCurrent : VaultKey::Role::kPrevious;
        if (auto found = uses->find(id); found != uses->end()) {
            key.use = found->second;
            uses->erase(found);
        }
        out.keys.push_back(std::move(key));
    }
    const auto unrecorded = uses->find("");
    const bool any_unrecorded = unrecorded != uses->end() && unrecorded->second.total() > 0;
    for (const auto &[id, use] : *uses) {
        VaultKey key;
        key.id = id;
        key.role = id.empty() ? VaultKey::Role::kUnknown : VaultKey::Role::kMissing;
        key.use = use;
        out.keys.push_back(std::move(key));
    }
    for (VaultKey &key : out.keys) {
        key.removable = key.role == VaultKey::Role::kPrevious && key.use.total() == 0 && !any_unrecorded;
        out.left += key.role == VaultKey::Role::kCurrent ? 0 : key.use.total();
    }
    return out;
}

Result<ResealedBatch> VaultService::rotate(const Caller &caller, int64_t limit, const std::string &cursor) {
    ResealedBatch batch;
    if (cursor.empty()) {
        if (Result<void> done = rotate_few(caller, batch); !done) {
            return fail(done.error());
        }
    }
    if (Result<void> done = rotate_credentials(caller, limit, cursor, batch); !done) {
        return fail(done.error());
    }
    return batch;
}

/// reseal   Row -> Result<sealed thing>, without a transaction: nobody waits for the arithmetic
/// replace  (sql, row, sealed thing) -> Result<bool>
template <typename Row, typename Reseal, typename Replace>
Result<void> VaultService::rotate_rows(const Caller &caller, std::string_view kind,
                                       const std::vector<Row> &rows, Reseal reseal, Replace replace,
                                       ResealedBatch &batch) {
    using Sealed = typename std::invoke_result_t<Reseal, const Row &>::value_type;
    std::vector<std::pair<const Row *, Sealed>> ready;
    for (const Row &row : rows) {
        Result<Sealed> sealed = reseal(row);
        if (sealed) {
            ready.emplace_back(&row, std::move(*sealed));
            continue;
        }
        std::string reason{refusal_reason(sealed.error())};
        log::error("box_not_resealed", {{"kind", kind}, {"id", id_of(row)}, {"reason", reason}});
        batch.unreadable.push_back({std::string{kind}, id_of(row), std::move(reason)});
    }
    if (ready.empty()) {
        return {};
    }
    Result<int64_t> replaced = database_.transact([&](store::Transaction &sql) -> Result<int64_t> {
        int64_t count = 0;
        for (const auto &[row, sealed] : ready) {
            Result<bool> done = replace(sql, *row, sealed);
            if (!done) {
                return fail(done.error());
            }
            count += *done ? 1 : 0;
        }
        if (count > 0) {
            Result<void> noted = store::audit_log::append(
                sql, resealed_event(caller, kind, count, vault_.current_key_id()), clock_());
            if (!noted) {
                return fail(noted.error());
            }
        }
        return count;
    });
    if (!replaced) {
        return fail(replaced.error());
    }
    batch.resealed += *replaced;
    if (metrics_ != nullptr) {
        metrics_->vault_resealed(kind, *replaced);
    }
    return {};
}

Result<void> VaultService::rotate_credentials(const Caller &caller, int64_t limit, const std::string &cursor,
                                              ResealedBatch &batch) {
    auto after = parse_cursor(cursor);
    if (!after) {
        return fail(after.error());
    }
    limit = std::clamp<int64_t>(limit, 1, 1000);
    Result<std::vector<store::BoundToken>> rows =
        store::vault_rows::foreign_tokens(database_, vault_.current_key_id(), *after, limit);
    if (!rows) {
        return fail(rows.error());
    }
    if (static_cast<int64_t>(rows->size()) == limit) {
        batch.cursor = to_cursor(rows->back());
    }
    return rotate_rows(
        caller, "credentials", *rows,
        [&](const store::BoundToken &row) { return reseal_credentials(vault_, row.connection, row.token); },
        store::vault_rows::replace_token, batch);
}

Result<void> VaultService::rotate_few(const Caller &caller, ResealedBatch &batch) {
    const std::string current = vault_.current_key_id();
    return store::vault_rows::foreign_installation_secrets(database_, current)
        .and_then([&](const std::vector<store::InstallationSecret> &rows) {
            return rotate_rows(
                caller, "installation", rows,
                [&](const store::InstallationSecret &row) {
                    return vault_.reseal(installation_secret_place(row.name, row.version), row.box);
                },
                store::vault_rows::replace_installation_secret, batch);
        })
        .and_then([&] { return store::vault_rows::foreign_client_secrets(database_, current); })
        .and_then([&](const std::vector<store::Provider> &rows) {
            return rotate_rows(
                caller, "client_secret", rows,
                [&](const store::Provider &row) {
                    return vault_.reseal(client_secret_place(row), row.client_secret_box);
                },
                store::vault_rows::replace_client_secret, batch);
        })
        .and_then([&] { return store::vault_rows::foreign_code_verifiers(database_, current, clock_()); })
        .and_then([&](const std::vector<store::Connection> &rows) {
            return rotate_rows(
                caller, "code_verifier", rows,
                [&](const store::Connection &row) { return reseal_code_verifier(vault_, row); },
                store::vault_rows::replace_code_verifier, batch);
        });
}

}  // namespace nexus::control
