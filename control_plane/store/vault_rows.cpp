// Sealed columns by key: see vault_rows.h. Every replacement is a compare-and-set on what was read.
#include "control_plane/store/vault_rows.h"

#include "control_plane/store/connection_rows.h"
#include "control_plane/store/cursor.h"
#include "control_plane/store/written.h"
#include "shared/crypto/keyring.h"

namespace nexus::control::store::vault_rows {

namespace {

constexpr int64_t kMaxRows = 1000;

Result<void> count_into(Executor &sql, std::string_view statement, std::initializer_list<Value> parameters,
                        int64_t KeyUse::*kind, std::map<std::string, KeyUse> &uses) {
    Result<Rows> rows = sql.execute(statement, parameters);
    if (!rows) {
        return fail(rows.error());
    }
    for (const Row &row : rows->rows) {
        RowReader in(row);
        std::string key_id = in.text();
        uses[std::move(key_id)].*kind = in.integer();
        if (Result<void> read = in.finish(); !read) {
            return read;
        }
    }
    return {};
}

Result<BoundToken> read_bound_token(const Row &row) {
    RowReader in(row);
    BoundToken found;
    found.connection.id = found.token.connection_id = in.text();
    found.connection.workspace_id = in.text();
    found.connection.provider_id = in.text();
    found.token.box = in.bytes();
    found.token.version = found.token.newest_version = in.integer();
    found.token.updated_at = in.integer();
    found.key_id = in.text();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return found;
}

/// Both sides of the current key in the index (key_id, connection_id), without walking over its own rows.
Result<void> append_range(Executor &sql, std::string_view side, const std::string &key_id,
                          const TokenPosition &after, int64_t limit, std::vector<BoundToken> &out) {
    const std::string statement =
        "SELECT t.connection_id, c.workspace_id, c.provider_id, t.box, t.version, t.updated_at, t.key_id "
        "FROM tokens t JOIN connections c ON c.id = t.connection_id "
        "WHERE t.key_id " +
        std::string(side) +
        " $1 AND (t.key_id, t.connection_id) > ($2, $3) "
        "ORDER BY t.key_id, t.connection_id LIMIT $4";
    Result<Rows> rows = sql.execute(
        statement, {key_id, after.key_id, after.connection_id, limit - static_cast<int64_t>(out.size())});
    if (!rows) {
        return fail(rows.error());
    }
    for (const Row &row : rows->rows) {
        Result<BoundToken> found = read_bound_token(row);
        if (!found) {
            return fail(found.error());
        }
        out.push_back(std::move(*found));
    }
    return {};
}

Result<InstallationSecret> read_installation_secret(const Row &row) {
    RowReader in(row);
    InstallationSecret secret;
    secret.name = in.text();
    secret.box = in.bytes();
    secret.version = in.integer();
    secret.created_at = in.integer();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return secret;
}

}  // namespace

Result<std::map<std::string, KeyUse>> count(Executor &sql, UnixMs now) {
    std::map<std::string, KeyUse> uses;
    Result<void> counted = count_into(sql, "SELECT key_id, COUNT(*) FROM tokens GROUP BY key_id", {},
                                      &KeyUse::credentials, uses);
    if (counted) {
        counted = count_into(sql,
                             "SELECT client_secret_key_id, COUNT(*) FROM provider_profiles "
                             "WHERE client_secret_box IS NOT NULL GROUP BY client_secret_key_id",
                             {}, &KeyUse::client_secrets, uses);
    }
    if (counted) {
        counted = count_into(sql,
                             "SELECT code_verifier_key_id, COUNT(*) FROM connections "
                             "WHERE code_verifier_key_id <> '' AND flow_expires_at > $1 "
                             "GROUP BY code_verifier_key_id",
                             {now}, &KeyUse::code_verifiers, uses);
    }
    if (counted) {
        counted = count_into(sql, "SELECT key_id, COUNT(*) FROM vault_secrets GROUP BY key_id", {},
                             &KeyUse::installation, uses);
    }
    return counted ? Result<std::map<std::string, KeyUse>>{std::move(uses)} : fail(counted.error());
}

Result<std::vector<BoundToken>> foreign_tokens(Executor &sql, const std::string &key_id,
                                               const std::optional<TokenPosition> &after, int64_t limit) {
    limit = bounded_limit(limit);
    std::vector<BoundToken> out;
    const TokenPosition from = after.value_or(TokenPosition{});
    if (from.key_id < key_id) {
        if (Result<void> read = append_range(sql, "<", key_id, from, limit, out); !read) {
            return fail(read.error());
        }
    }
    if (static_cast<int64_t>(out.size()) < limit) {
        if (Result<void> read = append_range(sql, ">", key_id, from, limit, out); !read) {
            return fail(read.error());
        }
    }
    return out;
}

Result<bool> replace_token(Executor &sql, const BoundToken &found, const Token &resealed) {
    return changed_one(sql.execute(
        "UPDATE tokens SET box = $4, key_id = $5 WHERE connection_id = $1 AND version = $2 AND key_id = $3",
        {found.token.connection_id, found.token.version, found.key_id, Bytes{resealed.box},
         crypto::box_key_id(resealed.box)}));
}

Result<std::vector<Provider>> foreign_client_secrets(Executor &sql, const std::string &key_id) {
    Result<Rows> rows = sql.execute(
        "SELECT id, client_secret_box, client_secret_version, revision FROM provider_profiles "
        "WHERE client_secret_box IS NOT NULL AND client_secret_key_id <> $1 LIMIT $2",
        {key_id, kMaxRows});
    return read_all(rows, [](const Row &row) -> Result<Provider> {
        RowReader in(row);
        Provider provider;
        provider.id = in.text();
        provider.client_secret_box = in.bytes();
        provider.client_secret_version = in.integer();
        provider.revision = in.integer();
        Result<void> read = in.finish();
        return read ? Result<Provider>{std::move(provider)} : fail(read.error());
    });
}

// The revision grows, so that a change of the profile under way does not put the old box back.
Result<bool> replace_client_secret(Executor &sql, const Provider &found, const std::string &box) {
    return changed_one(
        sql.execute("UPDATE provider_profiles SET client_secret_box = $3, client_secret_key_id = $4, "
                    "revision = revision + 1 WHERE id = $1 AND revision = $2",
                    {found.id, found.revision, Bytes{box}, crypto::box_key_id(box)}));
}

Result<std::vector<Connection>> foreign_code_verifiers(Executor &sql, const std::string &key_id, UnixMs now) {
    return read_all(sql.execute(NEXUS_SELECT_CONNECTION
                                "WHERE code_verifier_key_id <> '' AND code_verifier_key_id <> $1 AND "
                                "flow_expires_at > $2 LIMIT $3",
                                {key_id, now, kMaxRows}),
                    read_connection);
}

Result<bool> replace_code_verifier(Executor &sql, const Connection &found, const std::string &box) {
    return changed_one(
        sql.execute("UPDATE connections SET code_verifier_box = $3, code_verifier_key_id = $4 "
                    "WHERE id = $1 AND flow_id = $2",
                    {found.id, found.flow_id, Bytes{box}, crypto::box_key_id(box)}));
}

Result<std::vector<InstallationSecret>> foreign_installation_secrets(Executor &sql,
                                                                     const std::string &key_id) {
    return read_all(
        sql.execute("SELECT name, box, version, created_at FROM vault_secrets WHERE key_id <> $1 LIMIT $2",
                    {key_id, kMaxRows}),
        read_installation_secret);
}

Result<bool> replace_installation_secret(Executor &sql, const InstallationSecret &found,
                                         const std::string &box) {
    return changed_one(
        sql.execute("UPDATE vault_secrets SET box = $3, key_id = $4 WHERE name = $1 AND version = $2",
                    {found.name, found.version, Bytes{box}, crypto::box_key_id(box)}));
}

Result<std::optional<InstallationSecret>> find_installation_secret(Executor &sql, const std::string &name) {
    Result<Rows> rows =
        sql.execute("SELECT name, box, version, created_at FROM vault_secrets WHERE name = $1", {name});
    if (!rows) {
        return fail(rows.error());
    }
    if (rows->empty()) {
        return std::optional<InstallationSecret>{};
    }
    Result<InstallationSecret> secret = read_installation_secret(rows->rows.front());
    return secret ? Result<std::optional<InstallationSecret>>{std::move(*secret)} : fail(secret.error());
}

Result<bool> add_installation_secret(Executor &sql, const InstallationSecret &secret) {
    return changed_one(sql.execute(
        "INSERT INTO vault_secrets (name, box, version, key_id, created_at) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING",
        {secret.name, Bytes{secret.box}, secret.version, crypto::box_key_id(secret.box), secret.created_at}));
}

}  // namespace nexus::control::store::vault_rows
