// The audit chain's key: see audit_key.h.
#include "control_plane/services/audit/audit_key.h"

#include "control_plane/log/log.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/vault_rows.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

constexpr const char *kName = "audit_chain";
constexpr size_t kKeyBytes = 32;

Result<std::optional<Secret>> stored_key(store::Database &database, const Vault &vault) {
    Result<std::optional<store::InstallationSecret>> stored =
        store::vault_rows::find_installation_secret(database, kName);
    if (!stored) {
        return fail(stored.error());
    }
    if (!*stored) {
        return std::optional<Secret>{};
    }
    Result<Secret> key = vault.open(installation_secret_place(kName, (*stored)->version), (*stored)->box);
    return key ? Result<std::optional<Secret>>{std::move(*key)} : fail(key.error());
}

/// From the transaction's end on the chain has this key: its event is the first row that carries it.
Result<void> make_key(store::Database &database, const Vault &vault, const Clock &clock) {
    std::string bytes = crypto::random_bytes(kKeyBytes);
    Secret key{std::string_view(bytes)};
    wipe(bytes);
    store::InstallationSecret secret{kName, {}, 1, clock()};
    Result<std::string> box = vault.seal(installation_secret_place(kName, secret.version), key);
    if (!box) {
        return fail(box.error());
    }
    secret.box = std::move(*box);
    database.set_audit_chain(std::make_shared<audit::Chain>(std::move(key)));
    Result<bool> made = database.transact([&](store::Transaction &sql) -> Result<bool> {
        Result<bool> added = store::vault_rows::add_installation_secret(sql, secret);
        if (!added || !*added) {
            return added;
        }
        audit::Event event;
        event.type = audit::kAuditKeyCreated;
        event.actor = "system";
        event.data = R"({"key_id":")" + sql.audit_chain()->key_id() + R"("})";
        Result<void> sealed = store::audit_log::begin_chain(sql, event, clock());
        return sealed ? Result<bool>{true} : fail(sealed.error());
    });
    if (!made) {
        return fail(made.error());
    }
    if (*made) {
        log::info("audit_key_created", {{"key_id", database.audit_chain()->key_id()}});
    }
    return {};
}

}  // namespace

Place installation_secret_place(std::string_view name, int64_t version) {
    return {"vault_secrets", name, "secret", version};
}

Result<void> load_audit_chain(store::Database &database, const Vault &vault, const Clock &clock) {
    for (int tries = 0; tries < 2; ++tries) {
        Result<std::optional<Secret>> key = stored_key(database, vault);
        if (!key) {
            database.set_audit_chain(nullptr);
            return fail(key.error());
        }
        if (*key) {
            database.set_audit_chain(std::make_shared<audit::Chain>(std::move(**key)));
            return {};
        }
        if (Result<void> made = make_key(database, vault, clock); !made) {
            database.set_audit_chain(nullptr);
            return made;
        }
    }  // the second look finds the key that was stored, whoever made it
    return fail(Errc::kStoreUnavailable, "the audit chain's key was stored and is not there");
}

}  // namespace nexus::control
