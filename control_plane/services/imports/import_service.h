// Connections that exist elsewhere already, taken in with their credentials: sealed, audited and told to the
// edges like any other. An id may be kept, and asked for again without harm. What an item may hold is
// import_input.h's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/services/connections/connection_service.h"
#include "control_plane/services/imports/import_input.h"
#include "control_plane/vault/vault.h"

namespace nexus::control {

enum class ImportResult : uint8_t { kCreated, kUnchanged, kReplaced };
std::string_view to_string(ImportResult result) noexcept;

struct Imported {
    ConnectionView view;  // of a dry run: as it would be
    ImportResult result = ImportResult::kCreated;
    std::vector<std::string> left_out;  // members that were not kept
};

inline constexpr size_t kMaxImports = 100;

class ImportService {
public:
    ImportService(store::Database &database, const Vault &vault, OutboxDrainer &drainer, Clock clock)
        : database_(database), vault_(vault), drainer_(drainer), clock_(std::move(clock)) {}

    /// An id that is there already: unchanged if it is of the same workspace, user and provider (state and
    /// credentials move on after an import and are not compared), unless `replace` asks for new ones.
    /// errors as parse_import_item, read_imported_credentials; kProviderNotFound, kProviderAmbiguous;
    ///        kInsufficientGrant (another workspace; an id that a key of one workspace chooses); kConflict
    ///        (the id is another's, or revoked)
    Result<Imported> import_one(const Caller &caller, const json::Value &item, bool dry_run);
    /// The same for many, in one transaction if all is well; an item that is refused stops no other.
    /// items  at most kMaxImports. returns one result per item, in their order
    std::vector<Result<Imported>> import_all(const Caller &caller, const std::vector<json::Value> &items,
                                             bool dry_run);

private:
    struct Prepared {
        ImportItem item;
        store::Provider provider;
        ImportedCredentials credentials;
        store::Connection row;  // as it would be new
        bool has_credentials = false;
    };
    using Providers = std::map<std::string, Result<store::Provider>>;

    Result<Prepared> prepare(const Caller &caller, const json::Value &object, Providers &known);
    Result<store::Provider> find_provider(const ImportItem &item, Providers &known);
    Result<std::vector<Imported>> write_all(const Caller &caller, const std::vector<Prepared *> &all,
                                            bool dry_run);
    Result<Imported> write(store::Transaction &sql, const Caller &caller, Prepared &prepared);
    static void keep_unsaid(Prepared &prepared, const store::Connection &existing);
    Result<store::Connection> create(store::Transaction &sql, const Caller &caller, const Prepared &prepared);
    Result<store::Connection> replace(store::Transaction &sql, const Caller &caller, const Prepared &prepared,
                                      const store::Connection &existing);
    bool is_same(store::Transaction &sql, const Prepared &prepared, const store::Connection &existing);
    Result<store::Connection> give_credentials(store::Transaction &sql, const Prepared &prepared,
                                               const store::Connection &connection, audit::Event event,
                                               const Caller &caller);

    store::Database &database_;
    const Vault &vault_;
    OutboxDrainer &drainer_;
    Clock clock_;
};

}  // namespace nexus::control
