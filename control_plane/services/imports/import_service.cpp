// Taking connections in: see import_service.h.
#include "control_plane/services/imports/import_service.h"

#include <iterator>

#include "control_plane/log/log.h"
#include "control_plane/services/connections/account_check.h"
#include "control_plane/services/connections/activation.h"
#include "control_plane/store/identity_repository.h"
#include "control_plane/store/transition.h"
#include "control_plane/store/workspace_repository.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

using connection::State;

bool is_of_same_owner(const store::Connection &a, const store::Connection &b) {
    return a.workspace_id == b.workspace_id && a.user_id == b.user_id && a.provider_id == b.provider_id;
}

std::string account_field_of(const store::Provider &provider) {
    const Result<OAuthProfile> profile = stored_oauth_profile(provider.oauth);
    return profile ? profile->account_field : "";
}

void log_imported(const Imported &imported) {
    log::info("connection_imported", {{"connection_id", imported.view.connection.id},
                                      {"generation", imported.view.connection.generation},
                                      {"result", to_string(imported.result)}});
}

}  // namespace

std::string_view to_string(ImportResult result) noexcept {
    switch (result) {
        case ImportResult::kCreated:
            return "created";
        case ImportResult::kUnchanged:
            return "unchanged";
        case ImportResult::kReplaced:
            return "replaced";
    }
    return "unknown";
}

Result<store::Provider> ImportService::find_provider(const ImportItem &item, Providers &known) {
    const std::string &wanted = item.provider_id.empty() ? item.provider_name : item.provider_id;
    auto found = known.find(wanted);
    if (found == known.end()) {
        found =
            known
                .emplace(wanted, item.provider_id.empty() ? store::providers::get_by_name(database_, wanted)
                                                          : store::providers::get(database_, wanted))
                .first;
    }
    return found->second;
}

Result<ImportService::Prepared> ImportService::prepare(const Caller &caller, const json::Value &object,
                                                       Providers &known) {
    UnixMs now = clock_();
    Prepared out;
    Result<ImportItem> item = parse_import_item(object, now);
    if (!item) {
        return fail(item.error());
    }
    out.item = std::move(*item);
    Result<store::Provider> provider = find_provider(out.item, known);
    if (!provider) {
        return fail(provider.error());
    }
    out.provider = std::move(*provider);
    out.has_credentials = !out.item.credentials.is_null();
    if (out.has_credentials) {
        Result<ImportedCredentials> read = read_imported_credentials(out.provider, out.item.credentials, now);
        if (!read) {
            return fail(read.error());
        }
        out.credentials = std::move(*read);
    }
    store::Connection &row = out.row;
    Result<std::string> workspace = caller.require_workspace(out.item.workspace_id);
    if (!workspace) {
        return fail(workspace.error());
    }
    row.id = out.item.id.empty() ? crypto::random_uuid() : out.item.id;
    row.workspace_id = std::move(*workspace);
    row.user_id = out.item.user_id;
    row.provider_id = out.provider.id;
    row.state = out.has_credentials ? State::kPending : out.item.state;  // credentials make it active
    row.attention_reason = out.has_credentials ? "" : out.item.reason;
    row.scopes = out.item.scopes.value_or(out.credentials.scopes);
    row.labels = out.item.labels.value_or("{}");
    row.created_at = out.item.created_at == 0 ? now : out.item.created_at;
    row.updated_at = now;
    return out;
}

// Sealed and active; then attention, where that was asked for.
Result<store::Connection> ImportService::give_credentials(store::Transaction &sql, const Prepared &prepared,
                                                          const store::Connection &connection,
                                                          audit::Event event, const Caller &caller) {
    UnixMs now = clock_();
    store::ConnectionChange change;
    change.expires_at = prepared.credentials.expires_at;
    change.refreshable = !prepared.credentials.stored.refresh_token.empty();
    change.scopes = prepared.row.scopes;
    change.labels = prepared.row.labels;
    change.metadata = connection.metadata;
    disown(change, account_field_of(prepared.provider), {});  // the first consent here settles whose it is
    if (Result<void> erased = store::identities::erase(sql, connection.id); !erased) {
        return fail(erased.error());
    }
    Result<store::Connection> active =
        activate(sql, vault_, connection, prepared.credentials.stored, change, std::move(event), now);
    if (!active || prepared.item.state == State::kActive) {
        return active;
    }
    store::ConnectionChange attention;
    attention.state = prepared.item.state;
    attention.attention_reason = prepared.item.reason;
    return store::change_connection(sql, active->id, active->generation, attention,
                                    caller.event(audit::kConnectionAttention, "reason", prepared.item.reason),
                                    now);
}

Result<store::Connection> ImportService::create(store::Transaction &sql, const Caller &caller,
                                                const Prepared &prepared) {
    audit::Event event = caller.event(audit::kConnectionImported, "result", "created");
    if (!prepared.has_credentials) {
        Result<void> created =
            store::create_connection(sql, prepared.row, std::move(event), prepared.row.updated_at);
        return created ? Result<store::Connection>{prepared.row} : fail(created.error());
    }
    Result<void> created =
        store::workspaces::use(sql, prepared.row.workspace_id, prepared.row.updated_at).and_then([&] {
            return store::connections::create(sql, prepared.row);
        });
    if (!created) {
        return fail(created.error());
    }
    return give_credentials(sql, prepared, prepared.row, std::move(event), caller);
}

// What a replacement does not say stays.
void ImportService::keep_unsaid(Prepared &prepared, const store::Connection &existing) {
    if (!prepared.item.scopes && prepared.credentials.scopes.empty()) {
        prepared.row.scopes = existing.scopes;
    }
    if (!prepared.item.labels) {
        prepared.row.labels = existing.labels;
    }
}

// Is there nothing to replace? An end is compared where it was named as a time: expires_in moves with the
// clock.
bool ImportService::is_same(store::Transaction &sql, const Prepared &prepared,
                            const store::Connection &existing) {
    if (existing.state != prepared.item.state || existing.scopes != prepared.row.scopes ||
        existing.labels != prepared.row.labels) {
        return false;
    }
    if (!prepared.has_credentials) {
        return true;
    }
    if (prepared.credentials.says_when && prepared.credentials.expires_at != existing.expires_at) {
        return false;
    }
    Result<store::Token> token = store::tokens::get(sql, existing.id);
    Result<StoredCredentials> stored =
        token ? open_credentials(vault_, existing, *token) : fail(token.error());
    return stored &&
           constant_time_equal(to_json(*stored).view(), to_json(prepared.credentials.stored).view());
}

Result<store::Connection> ImportService::replace(store::Transaction &sql, const Caller &caller,
                                                 const Prepared &prepared,
                                                 const store::Connection &existing) {
    audit::Event event = caller.event(audit::kConnectionImported, "result", "replaced");
    if (prepared.has_credentials) {
        return give_credentials(sql, prepared, existing, std::move(event), caller);
    }
    store::ConnectionChange change;
    change.state = prepared.item.state;
    change.attention_reason = prepared.item.reason;
    change.scopes = prepared.row.scopes;
    change.labels = prepared.row.labels;
    return store::change_connection(sql, existing.id, existing.generation, change, std::move(event),
                                    clock_());
}

Result<Imported> ImportService::write(store::Transaction &sql, const Caller &caller, Prepared &prepared) {
    Imported out;
    out.view.provider = prepared.provider.name;
    out.left_out = prepared.credentials.left_out;
    auto done = [&out](ImportResult result, Result<store::Connection> row) -> Result<Imported> {
        if (!row) {
            return fail(row.error());
        }
        out.result = result;
        out.view.connection = std::move(*row);
        return std::move(out);
    };
    Result<store::Connection> existing = prepared.item.id.empty()
                                             ? fail(Errc::kConnectionNotFound, "a new one")
                                             : store::connections::get(sql, prepared.row.id);
    bool is_new = !existing && existing.error().errc == Errc::kConnectionNotFound;
    bool names_none_of_its_own =
        is_new ? !prepared.item.id.empty() : existing && !caller.may_enter(existing->workspace_id);
    if (!caller.workspace_id.empty() && names_none_of_its_own) {
        // One answer: an id that is free and one of another workspace cannot be told apart.
        return fail(Errc::kInsufficientGrant, "only a key of every workspace may choose an id", "id");
    }
    if (is_new) {
        return done(ImportResult::kCreated, create(sql, caller, prepared));
    }
    if (!existing) {
        return fail(existing.error());
    }
    if (!is_of_same_owner(*existing, prepared.row) || existing->deleted_at != 0) {
        return fail(Errc::kConflict, "the id belongs to another connection", "id");
    }
    keep_unsaid(prepared, *existing);
    if (!prepared.item.replace || is_same(sql, prepared, *existing)) {
        return done(ImportResult::kUnchanged, std::move(existing));
    }
    if (existing->state == State::kRevoked) {
        return fail(Errc::kConflict, "a revoked connection stays revoked", "id");
    }
    return done(ImportResult::kReplaced, replace(sql, caller, prepared, *existing));
}

// A dry run does all of it and commits none.
Result<std::vector<Imported>> ImportService::write_all(const Caller &caller,
                                                       const std::vector<Prepared *> &all, bool dry_run) {
    std::vector<Imported> done;
    bool complete = false;
    Result<void> committed = database_.transact([&](store::Transaction &sql) -> Result<void> {
        done.clear();
        for (Prepared *prepared : all) {
            Result<Imported> one = write(sql, caller, *prepared);
            if (!one) {
                return fail(one.error());
            }
            done.push_back(std::move(*one));
        }
        complete = true;
        return dry_run ? fail(Errc::kInternal, "a dry run is rolled back") : Result<void>{};
    });
    if (!committed && !(dry_run && complete)) {
        return fail(committed.error());
    }
    return done;
}

Result<Imported> ImportService::import_one(const Caller &caller, const json::Value &item, bool dry_run) {
    Providers known;
    Result<Prepared> prepared = prepare(caller, item, known);
    if (!prepared) {
        return fail(prepared.error());
    }
    Result<std::vector<Imported>> done = write_all(caller, {&*prepared}, dry_run);
    if (!done) {
        return fail(done.error());
    }
    Imported &imported = done->front();
    if (!dry_run && imported.result != ImportResult::kUnchanged) {
        log_imported(imported);
        const store::Connection &row = imported.view.connection;
        (void)drainer_.flush(redis::EventKind::kToken, row.id, row.generation);
    }
    return std::move(imported);
}

std::vector<Result<Imported>> ImportService::import_all(const Caller &caller,
                                                        const std::vector<json::Value> &items, bool dry_run) {
    Providers known;
    std::vector<Result<Prepared>> prepared;
    std::vector<Prepared *> good;
    for (const json::Value &item : items) {
        prepared.push_back(prepare(caller, item, known));
    }
    for (Result<Prepared> &one : prepared) {
        if (one) {
            good.push_back(&*one);
        }
    }
    std::vector<Result<Imported>> written;
    if (Result<std::vector<Imported>> all = write_all(caller, good, dry_run)) {
        std::move(all->begin(), all->end(), std::back_inserter(written));
    } else {  // one of them is refused, and a refused statement ends a transaction: each by itself
        for (Prepared *one : good) {
            written.push_back(write_all(caller, {one}, dry_run).map([](std::vector<Imported> done) {
                return std::move(done.front());
            }));
        }
    }
    std::vector<Result<Imported>> out;
    auto next = written.begin();
    for (const Result<Prepared> &one : prepared) {
        out.push_back(one ? std::move(*next++) : fail(one.error()));
        if (out.back() && !dry_run && out.back()->result != ImportResult::kUnchanged) {
            log_imported(*out.back());
        }
    }
    drainer_.notify();
    return out;
}

}  // namespace nexus::control
