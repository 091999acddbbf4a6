// Provider profiles: one column list for all reads, so that it and `read_provider` stay in step.
#include "control_plane/store/provider_repository.h"

#include "control_plane/store/cursor.h"
#include "shared/crypto/keyring.h"

namespace nexus::control::store {

namespace {

#define NEXUS_PROVIDER_COLUMNS                                                                          \
    "id, name, auth_type, auth_header, client_id, client_secret_box, client_secret_version, auth_url, " \
    "token_url, "                                                                                       \
    "issuer, enable_discovery, scopes, api_base_url, user_info_endpoint, params, allowed_hosts, "       \
    "description, "                                                                                     \
    "category, revision, created_at, updated_at, deleted_at, oauth, client_secret_key_id, oidc"
#define NEXUS_SELECT_PROVIDER "SELECT " NEXUS_PROVIDER_COLUMNS " FROM provider_profiles "

Result<Provider> read_provider(const Row &row) {
    RowReader in(row);
    Provider provider;
    provider.id = in.text();
    provider.name = in.text();
    provider.auth_type = in.text();
    provider.auth_header = in.text();
    provider.client_id = in.text();
    provider.client_secret_box = in.bytes_or_empty();
    provider.client_secret_version = in.integer();
    provider.auth_url = in.text();
    provider.token_url = in.text();
    provider.issuer = in.text();
    provider.enable_discovery = in.boolean();
    provider.scopes = in.list();
    provider.api_base_url = in.text();
    provider.user_info_endpoint = in.text();
    provider.params = in.text();
    provider.allowed_hosts = in.list();
    provider.description = in.text();
    provider.category = in.text();
    provider.revision = in.integer();
    provider.created_at = in.integer();
    provider.updated_at = in.integer();
    provider.deleted_at = in.integer();
    provider.oauth = in.text();
    provider.client_secret_key_id = in.text();
    provider.oidc = in.text();
    if (Result<void> read = in.finish(); !read) {
        return fail(read.error());
    }
    return provider;
}

tl::unexpected<Error> not_found() {
    return fail(Errc::kProviderNotFound, "there is no such provider");
}

tl::unexpected<Error> name_taken_or(const Error &error) {
    return error.errc == Errc::kConflict
               ? fail(Errc::kProviderExists, "a provider of that name exists", "name")
               : fail(error);
}

Result<Provider> first(const Result<Rows> &rows) {
    if (!rows) {
        return fail(rows.error());
    }
    return rows->empty() ? not_found() : read_provider(rows->rows.front());
}

}  // namespace

namespace providers {

Result<void> create(Executor &sql, const Provider &p) {
    Result<Rows> inserted =
        sql.execute("INSERT INTO provider_profiles (" NEXUS_PROVIDER_COLUMNS
                    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                    "$11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)",
                    {p.id,
                     p.name,
                     p.auth_type,
                     p.auth_header,
                     p.client_id,
                     bytes_or_null(p.client_secret_box),
                     p.client_secret_version,
                     p.auth_url,
                     p.token_url,
                     p.issuer,
                     flag(p.enable_discovery),
                     store::list(p.scopes),
                     p.api_base_url,
                     p.user_info_endpoint,
                     p.params,
                     store::list(p.allowed_hosts),
                     p.description,
                     p.category,
                     p.revision,
                     p.created_at,
                     p.updated_at,
                     p.deleted_at,
                     p.oauth,
                     crypto::box_key_id(p.client_secret_box),
                     p.oidc});
    if (!inserted) {
        return name_taken_or(inserted.error());
    }
    return {};
}

Result<Provider> get(Executor &sql, std::string_view id) {
    return first(sql.execute(NEXUS_SELECT_PROVIDER "WHERE id = $1 AND deleted_at = 0", {text(id)}));
}

Result<Provider> get_any(Executor &sql, std::string_view id) {
    return first(sql.execute(NEXUS_SELECT_PROVIDER "WHERE id = $1", {text(id)}));
}

Result<Provider> get_by_name(Executor &sql, std::string_view name) {
    Result<Rows> rows = sql.execute(NEXUS_SELECT_PROVIDER
                                    "WHERE lower(name) = lower($1) AND deleted_at = 0 "
                                    "ORDER BY CASE WHEN name = $1 THEN 0 ELSE 1 END LIMIT 2",
                                    {text(name)});
    Result<Provider> found = first(rows);
    if (found && found->name != name && rows->rows.size() > 1) {
        return fail(Errc::kProviderAmbiguous, "several providers have that name in another case; use the id");
    }
    return found;
}

Result<ProviderPage> list(Executor &sql, int64_t limit, std::string_view cursor) {
    std::string after;
    if (!cursor.empty()) {
        Result<std::string> parsed = parse_name_cursor(cursor);
        if (!parsed) {
            return fail(parsed.error());
        }
        after = std::move(*parsed);
    }
    limit = bounded_limit(limit);
    Result<Rows> rows =
        sql.execute(NEXUS_SELECT_PROVIDER "WHERE deleted_at = 0 AND name > $1 ORDER BY name LIMIT $2",
                    {after, limit + 1});
    if (!rows) {
        return fail(rows.error());
    }

    ProviderPage page;
    for (const Row &row : rows->rows) {
        if (page.items.size() == static_cast<size_t>(limit)) {
            page.next_cursor = to_cursor(page.items.back().name);
            break;
        }
        Result<Provider> provider = read_provider(row);
        if (!provider) {
            return fail(provider.error());
        }
        page.items.push_back(std::move(*provider));
    }
    return page;
}

Result<void> replace(Executor &sql, const Provider &p, int64_t expected_revision) {
    Result<Rows> updated = sql.execute(
        "UPDATE provider_profiles SET name = $3, auth_type = $4, auth_header = $5, client_id = $6, "
        "client_secret_box = $7, client_secret_version = $8, auth_url = $9, token_url = $10, issuer = $11, "
        "enable_discovery = $12, scopes = $13, api_base_url = $14, user_info_endpoint = $15, params = $16, "
        "allowed_hosts = $17, description = $18, category = $19, updated_at = $20, oauth = $21, "
        "client_secret_key_id = $22, oidc = $23, "
        "revision = revision + 1 "
        "WHERE id = $1 AND revision = $2 AND deleted_at = 0",
        {p.id,
         expected_revision,
         p.name,
         p.auth_type,
         p.auth_header,
         p.client_id,
         bytes_or_null(p.client_secret_box),
         p.client_secret_version,
         p.auth_url,
         p.token_url,
         p.issuer,
         flag(p.enable_discovery),
         store::list(p.scopes),
         p.api_base_url,
         p.user_info_endpoint,
         p.params,
         store::list(p.allowed_hosts),
         p.description,
         p.category,
         p.updated_at,
         p.oauth,
         crypto::box_key_id(p.client_secret_box),
         p.oidc});
    if (!updated) {
        return name_taken_or(updated.error());
    }
    if (updated->affected == 1) {
        return {};
    }
    if (Result<Provider> now = get(sql, p.id); !now) {
        return fail(now.error());
    }
    return fail(Errc::kConflict, "the provider was changed meanwhile");
}

Result<void> soft_delete(Executor &sql, std::string_view id, UnixMs now) {
    Result<Rows> updated = sql.execute(
        "UPDATE provider_profiles SET deleted_at = $2, updated_at = $2, revision = revision + 1 "
        "WHERE id = $1 AND deleted_at = 0",
        {text(id), now});
    if (!updated) {
        return fail(updated.error());
    }
    if (updated->affected == 0) {
        return not_found();
    }
    return {};
}

}  // namespace providers
}  // namespace nexus::control::store
