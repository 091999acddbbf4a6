// nexusctl import nexus: see take_over.h. What a row becomes is decided in the mappings.
#include "control_plane/takeover/take_over.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <thread>

#include "control_plane/cli/print.h"
#include "control_plane/takeover/import_batch.h"
#include "control_plane/takeover/reference_database.h"
#include "control_plane/takeover/report.h"
#include "control_plane/takeover/sealed_row.h"
#include "shared/crypto/keyring.h"

namespace nexus::control::takeover {

namespace {

constexpr int kFetch = 100;  // rows of the cursor at a time
constexpr int kTries = 5;    // of a call while nexusd is away or busy
constexpr std::chrono::milliseconds kBetweenTries{1000};
constexpr int kSamples = 20;
constexpr int64_t kProgressRows = 5000;
constexpr int kUsage = 2;

/// The variable's value, or what is in the file that NAME_FILE names. nullopt = neither is set
std::optional<Result<Secret>> secret_named(const std::string &name) {
    if (const char *value = std::getenv(name.c_str()); value != nullptr && *value != '\0') {
        return Secret{std::string_view{value}};
    }
    const std::string file_name = name + "_FILE";
    const char *path = std::getenv(file_name.c_str());
    if (path == nullptr || *path == '\0') {
        return std::nullopt;
    }
    Result<Secret> content = crypto::read_secret_reference(std::string{"file:"} + path);
    return content ? std::move(content) : fail(Errc::kInvalidKey, file_name + ": " + content.error().message);
}

/// A key that is named and cannot be had is not replaced by another one: nexusd's own may stand beside it.
Result<ReferenceKey> reference_key() {
    for (const char *name : {"NEXUS_IMPORT_ENCRYPTION_KEY", "ENCRYPTION_KEY"}) {
        if (const std::optional<Result<Secret>> text = secret_named(name)) {
            return *text ? ReferenceKey::from_base64((*text)->view()) : fail(text->error());
        }
    }
    return fail(
        Errc::kInvalidKey,
        "set NEXUS_IMPORT_ENCRYPTION_KEY (or ..._FILE) to the ENCRYPTION_KEY of the database to read");
}

Result<Secret> database_url(const Options &options) {
    return options.from_file.empty() ? Result<Secret>{Secret{std::string_view{options.from}}}
                                     : crypto::read_secret_reference("file:" + options.from_file);
}

/// A provider, and whether its connections can go on.
struct Plan {
    enum class Fate : uint8_t { kThere, kPlanned, kSkipped, kRefused };
    ReferenceProvider provider;
    Fate fate = Fate::kRefused;
};

class TakeOver {
public:
    TakeOver(const cli::Client &client, const Options &options, ReferenceDatabase database, ReferenceKey key)
        : client_(client),
          options_(options),
          database_(std::move(database)),
          key_(std::move(key)),
          report_(options.json, options.quiet, options.apply) {}

    int run() {
        Result<int64_t> audit_events = database_.count_audit_events();
        Result<void> moved = audit_events ? check_key() : fail(audit_events.error());
        if (!moved) {
            return cli::problem(moved.error().message);
        }
        moved = move_providers().and_then([&] { return move_connections(); });
        if (!moved) {
            cli::problem(moved.error().message);
        }
        report_.finish(*audit_events, moved.has_value());
        return moved && !report_.has_refusals() ? 0 : 1;
    }

private:
    // With a wrong key every row would be refused one by one: said once instead, before anything is done.
    Result<void> check_key() {
        Result<std::vector<std::string>> samples = database_.sealed_samples(kSamples);
        if (!samples) {
            return fail(samples.error());
        }
        for (const std::string &sealed : *samples) {
            if (key_.open(sealed)) {
                return {};
            }
        }
        return samples->empty() ? Result<void>{}
                                : fail(Errc::kUnknownKey,
                                       "the encryption key opens none of the database's "
                                       "first rows: it is another one's");
    }

    /// Waits out a short absence. errors kControlPlaneUnavailable
    Result<cli::Client::Answer> call(std::string_view method, const std::string &path,
                                     const json::Value *body = nullptr) {
        for (int attempt = 1;; ++attempt) {
            Result<cli::Client::Answer> answer = client_.call(method, path, body);
            bool again = !answer || answer->status == 503 || answer->status == 429;
            if (!again) {
                return answer;
            }
            if (attempt == kTries) {
                return answer ? fail(Errc::kControlPlaneUnavailable, answer->message) : fail(answer.error());
            }
            std::this_thread::sleep_for(kBetweenTries);
        }
    }

    Result<void> move_providers() {
        Result<std::vector<ReferenceProvider>> providers = database_.providers();
        if (!providers) {
            return fail(providers.error());
        }
        for (ReferenceProvider &provider : *providers) {
            Entry entry{Kind::kProvider, Action::kCreate, provider.id, provider.name, "", {}};
            Plan plan;
            if (provider.deleted && !(options_.include_deleted && provider.in_use)) {
                entry.action = Action::kSkip;
                entry.reason =
                    provider.in_use ? "deleted there; --include-deleted moves it" : "deleted there";
                plan.fate = Plan::Fate::kSkipped;
            } else if (Result<Plan::Fate> fate = move_provider(provider, entry)) {
                plan.fate = *fate;
            } else {
                return fail(fate.error());
            }
            provider.client_secret.wipe();
            report_.add(entry);
            plan.provider = std::move(provider);
            plans_.insert_or_assign(entry.id, std::move(plan));
        }
        return {};
    }

    Result<Plan::Fate> move_provider(const ReferenceProvider &provider, Entry &entry) {
        MappedProvider mapped = map_provider(provider);
        Result<cli::Client::Answer> there = call("GET", "/providers/" + provider.id);
        if (!there) {
            return fail(there.error());
        }
        if (there->ok()) {
            entry.action = Action::kUnchanged;
            note_differences(mapped.profile, there->body, entry);
            return Plan::Fate::kThere;
        }
        if (there->status != 404) {
            return refuse_provider(entry, there->message);
        }
        entry.notes = std::move(mapped.notes);
        json::Value body = json::Value::object();
        body.set("id", provider.id).set("dry_run", !options_.apply).set("profile", std::move(mapped.profile));
        Result<cli::Client::Answer> made = call("POST", "/providers", &body);
        if (!made) {
            return fail(made.error());
        }
        if (!made->ok()) {
            return refuse_provider(entry, made->message);
        }
        return options_.apply ? Plan::Fate::kThere : Plan::Fate::kPlanned;
    }

    static Plan::Fate refuse_provider(Entry &entry, const std::string &reason) {
        entry.action = Action::kRefuse;
        entry.reason = reason;
        return Plan::Fate::kRefused;
    }

    // What is there may have been changed since on purpose: told, never overwritten.
    static void note_differences(const json::Value &mapped, const json::Value &there, Entry &entry) {
        std::string names;
        for (const std::string &name : mapped.names()) {
            if (name != "client_secret" && !there.get(name).equals(mapped.get(name))) {
                names += (names.empty() ? "" : ", ") + name;
            }
        }
        if (!names.empty()) {
            entry.notes.push_back("kept as it is here, though it differs in " + names);
        }
    }

    Result<void> move_connections() {
        for (;;) {
            Result<std::vector<ReferenceConnection>> rows = database_.next_connections(kFetch);
            if (!rows) {
                return fail(rows.error());
            }
            if (rows->empty()) {
                return send();
            }
            for (const ReferenceConnection &row : *rows) {
                if (Result<void> moved = move_connection(row); !moved) {
                    return moved;
                }
                if (++read_ % kProgressRows == 0) {
                    std::fprintf(stderr, "nexusctl: %lld connections read\n", static_cast<long long>(read_));
                }
            }
        }
    }

    Result<void> move_connection(const ReferenceConnection &row) {
        Entry entry{Kind::kConnection, Action::kCreate, row.id, "", "", {}};
        auto plan = plans_.find(row.provider_id);
        if (plan == plans_.end() || plan->second.fate == Plan::Fate::kRefused) {
            return end(entry, Action::kRefuse, "its provider was refused");
        }
        const ReferenceProvider &provider = plan->second.provider;
        entry.label = provider.name;
        if (plan->second.fate == Plan::Fate::kSkipped) {
            return end(entry, Action::kSkip, "its provider was skipped");
        }
        MappedConnection mapped = map_connection(row, provider, open(row), options_.map);
        if (mapped.kind != MappedConnection::Kind::kItem) {
            bool refused = mapped.kind == MappedConnection::Kind::kRefused;
            return end(entry, refused ? Action::kRefuse : Action::kSkip, mapped.reason);
        }
        entry.notes = std::move(mapped.notes);
        if (plan->second.fate == Plan::Fate::kPlanned) {
            report_.add(entry);  // nexusd cannot check it before its provider is there
            return {};
        }
        return queue(std::move(entry), std::move(mapped.item));
    }

    Result<Secret> open(const ReferenceConnection &row) const {
        if (!row.has_token || !wants_credentials(row)) {
            return fail(Errc::kInvalidRequest, "it has no token row");
        }
        return row.sealed.empty() ? fail(Errc::kMalformedRecord, "its token row is empty or too long")
                                  : key_.open(row.sealed);
    }

    Result<void> end(Entry &entry, Action action, const std::string &reason) {
        entry.action = action;
        entry.reason = reason;
        report_.add(entry);
        return {};
    }

    Result<void> queue(Entry entry, json::Value item) {
        const size_t bytes = ImportBatch::bytes_of(item);
        if (ImportBatch::is_too_large(bytes)) {
            return end(entry, Action::kRefuse, "its credentials are larger than a call may be");
        }
        Result<void> sent;
        if (!batch_.has_room(bytes)) {
            sent = send();
        }
        batch_.add(std::move(entry), std::move(item), bytes);
        return sent;
    }

    Result<void> send() {
        if (batch_.empty()) {
            return {};
        }
        const json::Value body = batch_.body(!options_.apply);
        Result<cli::Client::Answer> answer = call("POST", "/connections/import", &body);
        if (!answer || !answer->ok()) {
            return fail(Errc::kControlPlaneUnavailable, answer ? answer->message : answer.error().message);
        }
        json::Value results = answer->body.get("items");
        for (size_t i = 0; i < batch_.entries().size(); ++i) {
            settle(batch_.entries()[i], results.at(i));
        }
        batch_.clear();
        return {};
    }

    void settle(Entry &entry, const json::Value &result) {
        std::string outcome = cli::text(result, "result");
        if (outcome == "unchanged") {
            entry.action = Action::kUnchanged;
            entry.notes.clear();
        } else if (outcome != "created") {
            entry.action = Action::kRefuse;
            entry.reason = cli::text(result, "message");
            entry.reason = entry.reason.empty() ? "nexusd said nothing about it" : entry.reason;
        }
        report_.add(entry);
    }

    const cli::Client &client_;
    const Options &options_;
    ReferenceDatabase database_;
    ReferenceKey key_;
    Report report_;
    std::map<std::string, Plan> plans_;
    ImportBatch batch_;
    int64_t read_ = 0;
};

}  // namespace

int take_over(const cli::Client &client, const Options &options) {
    Result<ReferenceKey> key = reference_key();
    Result<Secret> url = database_url(options);
    if (!key || !url) {
        cli::problem(key ? url.error().message : key.error().message);
        return kUsage;
    }
    Result<ReferenceDatabase> database = ReferenceDatabase::open(*url);
    if (!database) {
        return cli::problem(database.error().message);
    }
    return TakeOver(client, options, std::move(*database), std::move(*key)).run();
}

}  // namespace nexus::control::takeover
