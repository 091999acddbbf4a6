// Trusted issuers: see issuer_service.h.
#include "control_plane/services/issuers/issuer_service.h"

#include <algorithm>
#include <array>

#include "control_plane/log/log.h"
#include "control_plane/services/label.h"
#include "control_plane/store/agent_identity_repository.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/workspace_repository.h"
#include "control_plane/url/url.h"
#include "shared/caller/identity.h"
#include "shared/crypto/random.h"
#include "shared/encoding/hex.h"
#include "shared/record/issuer_record.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxAudiences = 16;
constexpr size_t kMaxAudienceBytes = 255;
constexpr int64_t kMaxLeewayS = 300;
constexpr int64_t kMaxMaxAgeS = 30LL * 24 * 3600;
constexpr int64_t kPage = 500;
constexpr std::string_view kMetricsName = "trusted-issuer";  // instead of a provider's name
constexpr std::array<std::string_view, 3> kDefaultAlgorithms{"RS256", "ES256", "EdDSA"};

tl::unexpected<Error> refuse(std::string_view member, std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member " + std::string{member} + " " + std::string{sentence},
                std::string{member});
}

bool is_audience(std::string_view text) {
    return !text.empty() && text.size() <= kMaxAudienceBytes &&
           std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<void> set_audiences(store::TrustedIssuer &issuer, const std::vector<std::string> &audiences) {
    if (audiences.empty() || audiences.size() > kMaxAudiences ||
        !std::all_of(audiences.begin(), audiences.end(), is_audience)) {
        return refuse("audiences", "must hold 1 to 16 texts, each 1 to 255 bytes without control characters");
    }
    issuer.audiences = audiences;
    return {};
}

Result<void> set_algorithms(store::TrustedIssuer &issuer, const std::vector<std::string> &algorithms) {
    if (algorithms.empty()) {
        issuer.algorithms.assign(kDefaultAlgorithms.begin(), kDefaultAlgorithms.end());
        return {};
    }
    for (const std::string &name : algorithms) {
        if (jose::find_signature_algorithm(name) == nullptr) {
            return refuse("algorithms",
                          "must hold RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
                          "ES512 or EdDSA");
        }
    }
    issuer.algorithms = algorithms;
    return {};
}

Result<void> set_times(store::TrustedIssuer &issuer, int64_t leeway_s, int64_t max_age_s) {
    if (leeway_s < 0 || leeway_s > kMaxLeewayS) {
        return refuse("leeway_s", "must be 0 to 300");
    }
    if (max_age_s < 0 || max_age_s > kMaxMaxAgeS) {
        return refuse("max_age_s", "must be 0 to 2592000");
    }
    issuer.leeway_s = leeway_s;
    issuer.max_age_s = max_age_s;
    return {};
}

/// Where the keys come from; those that somebody wrote down are the ones for edges at once.
Result<void> set_keys_source(store::TrustedIssuer &issuer, const std::string &jwks,
                             const std::string &jwks_uri) {
    if (!jwks.empty() && !jwks_uri.empty()) {
        return refuse("jwks", "and jwks_uri exclude each other");
    }
    if (!jwks_uri.empty() && (!parse_http_url(jwks_uri, "jwks_uri") ||
                              !caller::is_issuer(jwks_uri.substr(0, jwks_uri.find('?'))))) {
        return refuse("jwks_uri", "must be an https URL");
    }
    if (jwks.empty()) {
        if (!issuer.inline_jwks.empty() || issuer.jwks_uri != jwks_uri) {
            issuer.jwks.clear();  // of another source
        }
        issuer.inline_jwks.clear();
        issuer.jwks_uri = jwks_uri;
        return {};
    }
    const Result<jose::JwkSet> keys = jose::JwkSet::parse(jwks);
    if (!keys || keys->usable() == 0 || keys->usable() != keys->size()) {
        return refuse("jwks", "must be a JWK Set of public RSA (2048 bits or more), EC or Ed25519 keys");
    }
    if (keys->public_text().size() > record::kMaxJwksBytes) {
        return refuse("jwks", "must be at most 24 KiB");
    }
    issuer.inline_jwks = keys->public_text();
    issuer.jwks = issuer.inline_jwks;
    issuer.jwks_uri.clear();
    return {};
}

IssuerSource source_of(const store::TrustedIssuer &issuer) {
    IssuerSource source;
    source.issuer = issuer.issuer;
    source.jwks_uri = issuer.jwks_uri;
    source.provider = kMetricsName;
    return source;
}

Result<void> record(store::Transaction &sql, audit::Event event, const store::TrustedIssuer &issuer,
                    UnixMs now) {
    event.workspace_id = issuer.workspace_id;
    event.data = json::Value::object().set("issuer_id", issuer.id).set("issuer", issuer.issuer).dump_text();
    return store::outbox::enqueue(sql, redis::EventKind::kIssuer, issuer.sha256, issuer.generation, now)
        .and_then([&] { return store::audit_log::append(sql, event, now); });
}

audit::Event ended_event(const Caller &caller, const store::TrustedIssuer &issuer,
                         const store::EndedIdentities &ended) {
    audit::Event event = caller.event(audit::kAgentIdentityRemoved);
    event.workspace_id = ended.workspace_id;
    event.data = json::Value::object()
                     .set("issuer_id", issuer.id)
                     .set("issuer", issuer.issuer)
                     .set("identities", ended.count)
                     .dump_text();
    return event;
}

/// The issuer comes or goes, and with it whoever was known by its tokens: who names agents now need not be
/// who trusted it then.
Result<void> record_turn(store::Transaction &sql, const Caller &caller, std::string_view type,
                         const store::TrustedIssuer &issuer, UnixMs now) {
    const Result<std::vector<store::EndedIdentities>> ended =
        store::agent_identities::end_of_issuer(sql, issuer.issuer, now);
    Result<void> recorded = ended ? record(sql, caller.event(type), issuer, now) : fail(ended.error());
    for (size_t i = 0; recorded && i < ended->size(); ++i) {
        recorded = store::audit_log::append(sql, ended_event(caller, issuer, (*ended)[i]), now);
    }
    return recorded;
}

/// Who says what the issuer's tokens are like could sign one for each agent that they name.
Result<void> check_gift(store::Transaction &sql, const Caller &caller, const store::TrustedIssuer &issuer) {
    return store::agent_identities::grants_by_issuer(sql, issuer.issuer)
        .and_then([&](uint32_t grants) -> Result<void> {
            if (!caller.may_give(grants)) {
                return fail(Errc::kInsufficientGrant,
                            "an agent that the issuer's tokens name has grants that this key does not have");
            }
            return {};
        });
}

audit::Event system_event(std::string_view type) {
    audit::Event event;
    event.type = type;
    event.actor = "system";
    return event;
}

}  // namespace

Result<store::TrustedIssuer> IssuerService::create(const Caller &caller, const IssuerRequest &request) {
    const UnixMs now = clock_();
    store::TrustedIssuer issuer;
    if (!caller::is_issuer(request.issuer)) {
        return refuse("issuer", "must be an https URL without query and fragment, as tokens write it");
    }
    issuer.issuer = request.issuer;
    issuer.sha256 = caller::issuer_sha256(request.issuer);
    Result<void> filled =
        set_audiences(issuer, request.audiences)
            .and_then([&] { return set_algorithms(issuer, request.algorithms); })
            .and_then([&] { return set_times(issuer, request.leeway_s, request.max_age_s); })
            .and_then([&] { return set_keys_source(issuer, request.jwks, request.jwks_uri); });
    if (!filled) {
        return fail(filled.error());
    }
    Result<std::string> workspace = caller.choose_workspace(request.workspace_id);
    if (!workspace) {
        return fail(workspace.error());
    }
    if (!workspace->empty() && !is_label(*workspace)) {
        return refuse("workspace_id", "must be 1 to 255 bytes without control characters");
    }
    issuer.workspace_id = std::move(*workspace);
    issuer.id = crypto::random_uuid();
    issuer.created_at = issuer.updated_at = now;
    Result<store::TrustedIssuer> stored =
        database_.transact([&](store::Transaction &sql) -> Result<store::TrustedIssuer> {
            if (!issuer.workspace_id.empty()) {
                if (Result<void> used = store::workspaces::use(sql, issuer.workspace_id, now); !used) {
                    return fail(used.error());
                }
            }
            Result<store::TrustedIssuer> created = store::trusted_issuers::create(sql, issuer);
            Result<void> recorded = created ? record_turn(sql, caller, audit::kIssuerTrusted, *created, now)
                                            : fail(created.error());
            return recorded ? std::move(created) : fail(recorded.error());
        });
    if (!stored) {
        return stored;
    }
    log::info("issuer_trusted", {{"issuer_id", stored->id}, {"issuer", stored->issuer}});
    drainer_.notify();
    return look_for_keys(stored->sha256, stored->generation);
}

Result<store::TrustedIssuerPage> IssuerService::list(const Caller &caller, const std::string &workspace_id,
                                                     int64_t limit, const std::string &cursor) {
    return caller.choose_workspace(workspace_id).and_then([&](const std::string &workspace) {
        return store::trusted_issuers::list(database_, workspace, limit, cursor);
    });
}

Result<store::TrustedIssuer> IssuerService::get(const Caller &caller, const std::string &id) {
    return find(database_, caller, id);
}

Result<store::TrustedIssuer> IssuerService::update(const Caller &caller, const std::string &id,
                                                   const IssuerUpdate &update) {
    const auto write = [&](store::TrustedIssuer &issuer) -> Result<void> {
        if (Result<void> set = update.audiences ? set_audiences(issuer, *update.audiences) : Result<void>{};
            !set) {
            return set;
        }
        if (Result<void> set =
                update.algorithms ? set_algorithms(issuer, *update.algorithms) : Result<void>{};
            !set) {
            return set;
        }
        if (update.jwks || update.jwks_uri) {
            if (Result<void> set =
                    set_keys_source(issuer, update.jwks.value_or(""), update.jwks_uri.value_or(""));
                !set) {
                return set;
            }
        }
        return set_times(issuer, update.leeway_s.value_or(issuer.leeway_s),
                         update.max_age_s.value_or(issuer.max_age_s));
    };
    Result<store::TrustedIssuer> changed = change(caller, id, write);
    if (!changed) {
        return changed;
    }
    log::info("issuer_updated", {{"issuer_id", changed->id}});
    flush(*changed);
    return look_for_keys(changed->sha256, changed->generation);
}

Result<void> IssuerService::remove(const Caller &caller, const std::string &id) {
    Result<store::TrustedIssuer> removed =
        database_.transact([&](store::Transaction &sql) -> Result<store::TrustedIssuer> {
            Result<store::TrustedIssuer> known = find(sql, caller, id);
            Result<store::TrustedIssuer> gone =
                known ? store::trusted_issuers::remove(sql, known->id, clock_()) : std::move(known);
            Result<void> recorded =
                gone ? record_turn(sql, caller, audit::kIssuerRemoved, *gone, clock_()) : fail(gone.error());
            return recorded ? std::move(gone) : fail(recorded.error());
        });
    if (!removed) {
        return fail(removed.error());
    }
    log::info("issuer_removed", {{"issuer_id", removed->id}});
    flush(*removed);
    return {};
}

Result<store::TrustedIssuer> IssuerService::look_for_keys(const std::string &sha256,
                                                          int64_t above_generation) {
    Result<store::TrustedIssuer> issuer = store::trusted_issuers::find(database_, sha256);
    if (!issuer || issuer->removed_at != 0 || !issuer->inline_jwks.empty() ||
        issuer->generation > above_generation) {
        return issuer;
    }
    const auto keys = issuer->jwks.empty() ? discovery_.keys(source_of(*issuer), "")
                                           : discovery_.newer_keys(source_of(*issuer));
    if (!keys) {
        log::warn("issuer_keys_unavailable", {{"issuer_id", issuer->id}, {"reason", keys.error().message}});
        return issuer;
    }
    return keep_keys(*issuer, **keys);
}

int IssuerService::renew_all() {
    int changed = 0;
    std::string cursor;
    do {
        Result<store::TrustedIssuerPage> page = store::trusted_issuers::list(database_, "", kPage, cursor);
        if (!page) {
            return changed;
        }
        for (const store::TrustedIssuer &issuer : page->items) {
            if (!issuer.inline_jwks.empty()) {
                continue;
            }
            const auto keys = discovery_.keys(source_of(issuer), "");
            const Result<store::TrustedIssuer> kept = keys ? keep_keys(issuer, **keys) : fail(keys.error());
            changed += kept && kept->generation != issuer.generation ? 1 : 0;
        }
        cursor = page->next_cursor;
    } while (!cursor.empty());
    return changed;
}

Result<store::TrustedIssuer> IssuerService::keep_keys(const store::TrustedIssuer &issuer,
                                                      const jose::JwkSet &keys) {
    if (keys.public_text() == issuer.jwks) {
        return issuer;
    }
    if (keys.public_text().size() > record::kMaxJwksBytes) {
        log::warn("issuer_keys_too_large", {{"issuer_id", issuer.id}});
        return issuer;
    }
    store::TrustedIssuer wanted = issuer;
    wanted.jwks = keys.public_text();
    Result<store::TrustedIssuer> kept =
        database_.transact([&](store::Transaction &sql) -> Result<store::TrustedIssuer> {
            Result<store::TrustedIssuer> updated = store::trusted_issuers::update(sql, wanted, clock_());
            Result<void> recorded =
                updated ? record(sql, system_event(audit::kIssuerKeysChanged), *updated, clock_())
                        : fail(updated.error());
            return recorded ? std::move(updated) : fail(recorded.error());
        });
    if (!kept) {
        // Somebody else was faster, with these keys or with another change.
        return kept.error().errc == Errc::kConflict ? store::trusted_issuers::find(database_, issuer.sha256)
                                                    : std::move(kept);
    }
    log::info("issuer_keys_changed",
              {{"issuer_id", kept->id}, {"keys", static_cast<int64_t>(keys.usable())}});
    drainer_.notify();
    return kept;
}

Result<store::TrustedIssuer> IssuerService::find(store::Executor &sql, const Caller &caller,
                                                 const std::string &id) {
    const Error not_found{Errc::kIssuerNotFound, "there is no such issuer", {}, 0};
    if (!encoding::is_uuid(id)) {
        return fail(not_found);
    }
    Result<store::TrustedIssuer> issuer = store::trusted_issuers::get(sql, encoding::to_lower_ascii(id));
    if (issuer && !caller.may_enter(issuer->workspace_id)) {
        return fail(not_found);
    }
    return issuer;
}

Result<store::TrustedIssuer> IssuerService::change(const Caller &caller, const std::string &id,
                                                   const Change &change) {
    return database_.transact([&](store::Transaction &sql) -> Result<store::TrustedIssuer> {
        Result<store::TrustedIssuer> issuer = find(sql, caller, id);
        if (!issuer) {
            return issuer;
        }
        if (Result<void> written = change(*issuer); !written) {
            return fail(written.error());
        }
        // First: it locks the issuer's row, so that nobody is given a name of its while we look.
        Result<store::TrustedIssuer> updated = store::trusted_issuers::update(sql, *issuer, clock_());
        Result<void> recorded = updated ? check_gift(sql, caller, *updated) : fail(updated.error());
        if (recorded) {
            recorded = record(sql, caller.event(audit::kIssuerUpdated), *updated, clock_());
        }
        return recorded ? std::move(updated) : fail(recorded.error());
    });
}

// At once, in this thread: who removes an issuer, or a key of it, expects the next of its tokens to fail.
// What makes tokens good waits for its turn in the outbox: behind the names that have ended, or an edge would
// still know somebody by them.
void IssuerService::flush(const store::TrustedIssuer &issuer) {
    (void)drainer_.flush(redis::EventKind::kIssuer, issuer.sha256, issuer.generation);
    drainer_.notify();
}

}  // namespace nexus::control
