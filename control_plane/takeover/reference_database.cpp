// The reference's database over libpq: see reference_database.h.
#include "control_plane/takeover/reference_database.h"

#include <libpq-fe.h>
#include <array>
#include <cstdlib>

namespace nexus::control::takeover {

namespace {

struct Finish {
    void operator()(PGconn *connection) const noexcept { PQfinish(connection); }
};
struct Clear {
    void operator()(PGresult *result) const noexcept { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, Clear>;

// Columns that make the difference to any other database, a Nexus Edge one included.
struct Column {
    const char *table;
    const char *column;
};
constexpr std::array<Column, 16> kColumns{{{"provider_profiles", "id"},
                                           {"provider_profiles", "auth_type"},
                                           {"provider_profiles", "client_secret"},
                                           {"provider_profiles", "params"},
                                           {"provider_profiles", "issuer"},
                                           {"provider_profiles", "enable_discovery"},
                                           {"provider_profiles", "category"},
                                           {"provider_profiles", "deleted_at"},
                                           {"connections", "id"},
                                           {"connections", "workspace_id"},
                                           {"connections", "provider_id"},
                                           {"connections", "status"},
                                           {"connections", "scopes"},
                                           {"tokens", "connection_id"},
                                           {"tokens", "encrypted_data"},
                                           {"tokens", "expires_at"}}};

constexpr const char *kBegin =
    "SET client_min_messages = error; SET TimeZone = 'UTC'; SET statement_timeout = 0; "
    "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

constexpr const char *kProviders =
    "SELECT p.id::text, p.name::text, p.auth_type::text, p.auth_header::text, p.client_id::text, "
    "p.client_secret::text, p.auth_url::text, p.token_url::text, p.issuer::text, "
    "coalesce(p.enable_discovery, false)::text, to_json(p.scopes)::text, p.api_base_url::text, "
    "p.user_info_endpoint::text, p.params::text, p.description::text, p.category::text, "
    "(p.deleted_at IS NOT NULL)::text, "
    "EXISTS (SELECT 1 FROM connections c WHERE c.provider_id = p.id AND c.status <> 'pending')::text "
    "FROM provider_profiles p ORDER BY p.name, p.id";

#define NEXUS_TIME(column) "to_char(" column ", 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
constexpr const char *kConnections =
    "DECLARE moved NO SCROLL CURSOR FOR SELECT c.id::text, c.workspace_id::text, c.provider_id::text, "
    "c.status::text, to_json(c.scopes)::text, " NEXUS_TIME(
        "c.created_at") ", "
                        "(t.connection_id IS NOT NULL)::text, "
                        "CASE WHEN octet_length(t.encrypted_data) <= $1 THEN t.encrypted_data::text END, "
    NEXUS_TIME("t.expires_at") ", greatest(0, extract(epoch FROM now() - t.created_at))::bigint::text "
                               "FROM connections c LEFT JOIN tokens t ON t.connection_id = c.id ORDER BY c.id";
#undef NEXUS_TIME

std::string text(const PGresult *result, int row, int column) {
    return {PQgetvalue(result, row, column), static_cast<size_t>(PQgetlength(result, row, column))};
}

bool flag(const PGresult *result, int row, int column) {
    return text(result, row, column) == "true";
}

ReferenceProvider read_provider(const PGresult *result, int row) {
    ReferenceProvider out;
    int column = 0;
    for (std::string *member : {&out.id, &out.name, &out.auth_type, &out.auth_header, &out.client_id}) {
        *member = text(result, row, column++);
    }
    out.client_secret = Secret{text(result, row, column++)};
    for (std::string *member : {&out.auth_url, &out.token_url, &out.issuer}) {
        *member = text(result, row, column++);
    }
    out.enable_discovery = flag(result, row, column++);
    for (std::string *member : {&out.scopes, &out.api_base_url, &out.user_info_endpoint, &out.params,
                                &out.description, &out.category}) {
        *member = text(result, row, column++);
    }
    out.deleted = flag(result, row, column++);
    out.in_use = flag(result, row, column);
    return out;
}

ReferenceConnection read_connection(const PGresult *result, int row) {
    ReferenceConnection out;
    int column = 0;
    for (std::string *member :
         {&out.id, &out.workspace_id, &out.provider_id, &out.status, &out.scopes, &out.created_at}) {
        *member = text(result, row, column++);
    }
    out.has_token = flag(result, row, column++);
    out.sealed = text(result, row, column++);
    out.token_expires_at = text(result, row, column++);
    out.token_age_s = std::atoll(text(result, row, column).c_str());
    return out;
}

}  // namespace

struct ReferenceDatabase::Impl {
    std::unique_ptr<PGconn, Finish> connection;
    bool reading = false;

    tl::unexpected<Error> failed() const {
        std::string message = PQerrorMessage(connection.get());
        message = message.substr(0, message.find('\n'));
        return fail(Errc::kStoreUnavailable, "the reference's database: " + message);
    }

    Result<void> run(const char *sql) {
        ResultPtr result{PQexec(connection.get(), sql)};
        return PQresultStatus(result.get()) == PGRES_COMMAND_OK ? Result<void>{} : failed();
    }

    Result<ResultPtr> query(const std::string &sql) {
        ResultPtr result{PQexec(connection.get(), sql.c_str())};
        if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) {
            return failed();
        }
        return result;
    }

    // to_regclass and pg_attribute follow the connection's search_path, as the statements do.
    Result<void> check_schema() {
        for (const Column &column : kColumns) {
            Result<ResultPtr> found = query(
                std::string{"SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('"} + column.table +
                "') AND attname = '" + column.column + "' AND attnum > 0 AND NOT attisdropped");
            if (!found) {
                return fail(found.error());
            }
            if (PQntuples(found->get()) != 1) {
                return fail(Errc::kInvalidRequest,
                            std::string{"this is no Nexus Framework database (with all its migrations): "} +
                                column.table + " has no column " + column.column);
            }
        }
        return {};
    }
};

ReferenceDatabase::ReferenceDatabase(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ReferenceDatabase::ReferenceDatabase(ReferenceDatabase &&) noexcept = default;
ReferenceDatabase &ReferenceDatabase::operator=(ReferenceDatabase &&) noexcept = default;
ReferenceDatabase::~ReferenceDatabase() = default;

Result<ReferenceDatabase> ReferenceDatabase::open(const Secret &url) {
    std::string conninfo{url.view()};
    char *why = nullptr;
    PQconninfoOption *options = PQconninfoParse(conninfo.c_str(), &why);
    bool readable = options != nullptr;
    PQconninfoFree(options);
    PQfreemem(why);  // may quote the URL, and with it the password
    if (!readable) {
        wipe(conninfo);
        return fail(Errc::kInvalidRequest, "the URL of the reference's database cannot be read");
    }
    const char *const names[] = {"connect_timeout", "application_name", "client_encoding", "dbname", nullptr};
    const char *const values[] = {"10", "nexusctl", "UTF8", conninfo.c_str(), nullptr};
    auto impl = std::make_unique<Impl>();
    impl->connection.reset(PQconnectdbParams(names, values, 1));
    wipe(conninfo);
    if (!impl->connection || PQstatus(impl->connection.get()) != CONNECTION_OK) {
        return impl->failed();
    }
    PQsetNoticeProcessor(
        impl->connection.get(), [](void *, const char *) {}, nullptr);
    Result<void> ready = impl->run(kBegin).and_then([&] { return impl->check_schema(); });
    if (!ready) {
        return fail(ready.error());
    }
    return ReferenceDatabase{std::move(impl)};
}

Result<std::vector<ReferenceProvider>> ReferenceDatabase::providers() {
    Result<ResultPtr> rows = impl_->query(kProviders);
    if (!rows) {
        return fail(rows.error());
    }
    std::vector<ReferenceProvider> out;
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
        out.push_back(read_provider(rows->get(), row));
    }
    return out;
}

Result<std::vector<ReferenceConnection>> ReferenceDatabase::next_connections(int limit) {
    if (!impl_->reading) {
        std::string sql = kConnections;
        sql.replace(sql.find("$1"), 2, std::to_string(kMaxSealedBytes));
        if (Result<void> declared = impl_->run(sql.c_str()); !declared) {
            return fail(declared.error());
        }
        impl_->reading = true;
    }
    Result<ResultPtr> rows = impl_->query("FETCH FORWARD " + std::to_string(limit) + " FROM moved");
    if (!rows) {
        return fail(rows.error());
    }
    std::vector<ReferenceConnection> out;
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
        out.push_back(read_connection(rows->get(), row));
    }
    return out;
}

Result<std::vector<std::string>> ReferenceDatabase::sealed_samples(int limit) {
    Result<ResultPtr> rows =
        impl_->query("SELECT encrypted_data::text FROM tokens WHERE octet_length(encrypted_data) <= " +
                     std::to_string(kMaxSealedBytes) + " LIMIT " + std::to_string(limit));
    if (!rows) {
        return fail(rows.error());
    }
    std::vector<std::string> out;
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
        out.push_back(text(rows->get(), row, 0));
    }
    return out;
}

Result<int64_t> ReferenceDatabase::count_audit_events() {
    Result<ResultPtr> there = impl_->query("SELECT to_regclass('audit_events') IS NOT NULL");
    if (!there || text(there->get(), 0, 0) != "t") {
        return there ? Result<int64_t>{0} : fail(there.error());
    }
    return impl_->query("SELECT count(*) FROM audit_events").map([](const ResultPtr &rows) {
        return int64_t{std::atoll(text(rows.get(), 0, 0).c_str())};
    });
}

}  // namespace nexus::control::takeover
