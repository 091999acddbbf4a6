// Provider profiles: see provider_service.h.
#include "control_plane/services/providers/provider_service.h"

#include "control_plane/log/log.h"
#include "control_plane/oauth/client.h"
#include "control_plane/services/connections/activation.h"
#include "control_plane/services/providers/provider_egress.h"
#include "control_plane/services/providers/provider_params.h"
#include "control_plane/store/audit_repository.h"
#include "control_plane/store/moving_row.h"
#include "control_plane/store/outbox_repository.h"
#include "control_plane/store/refresh_lanes.h"
#include "control_plane/store/transition.h"
#include "shared/crypto/random.h"

namespace nexus::control {

namespace {

using connection::State;

constexpr int64_t kConnectionPage = 200;

audit::Event event_about(const Caller &caller, std::string_view type, const store::Provider &provider) {
    audit::Event event = caller.event(type, "name", provider.name);
    event.provider_id = provider.id;
    return event;
}

// Same profile, apart from the secret and the bookkeeping?
bool is_same_profile(const store::Provider &a, const store::Provider &b) {
    return a.name == b.name && a.auth_type == b.auth_type && a.auth_header == b.auth_header &&
           a.client_id == b.client_id && a.auth_url == b.auth_url && a.token_url == b.token_url &&
           a.issuer == b.issuer && a.enable_discovery == b.enable_discovery && a.scopes == b.scopes &&
           a.api_base_url == b.api_base_url && a.user_info_endpoint == b.user_info_endpoint &&
           params_of(a).equals(params_of(b)) && a.oauth == b.oauth && a.oidc == b.oidc &&
           a.allowed_hosts == b.allowed_hosts && a.description == b.description && a.category == b.category;
}

// What token records say of a provider.
bool is_same_in_records(const store::Provider &a, const store::Provider &b) {
    StrategyConfig strategy_a = strategy_of(a);
    StrategyConfig strategy_b = strategy_of(b);
    return a.name == b.name && a.api_base_url == b.api_base_url && a.allowed_hosts == b.allowed_hosts &&
           strategy_a.type == strategy_b.type && strategy_a.config == strategy_b.config;
}

// The stored profile with `changes` on top: null resets a member to its default, everything else stays.
json::Value patched_profile(const store::Provider &stored, const json::Value &changes) {
    json::Value out = writable_profile(stored);
    // auth_header and oauth.client_auth are one thing: whoever names the alias means to change it.
    if (!changes.contains("auth_header") && changes.get("oauth").contains("client_auth")) {
        out.erase("auth_header");
    }
    for (const std::string &name : changes.names()) {
        if (changes.get(name).is_null()) {
            out.erase(name);
        } else {
            out.set(name, changes.get(name));
        }
    }
    return out;
}

}  // namespace

Result<ProfileInput> ProviderService::parse(const json::Value &profile, bool secret_stored) const {
    Result<ProfileInput> input = parse_profile(profile, secret_stored);
    if (!input) {
        return input;
    }
    if (Result<void> checked = check_provider_egress(input->provider, egress_); !checked) {
        return fail(checked.error());
    }
    return input;
}

Result<void> ProviderService::seal_secret(store::Provider &provider, const Secret &client_secret) const {
    provider.client_secret_version += 1;
    Result<std::string> box = vault_.seal(client_secret_place(provider), client_secret);
    if (!box) {
        return fail(box.error());
    }
    provider.client_secret_box = std::move(*box);
    return {};
}

Result<bool> ProviderService::holds_secret(const store::Provider &provider,
                                           const Secret &client_secret) const {
    if (provider.client_secret_box.empty()) {
        return false;
    }
    Result<Secret> stored = vault_.open(client_secret_place(provider), provider.client_secret_box);
    if (!stored) {
        return false;  // sealed with a key that is gone: the new one heals it
    }
    return constant_time_equal(stored->view(), client_secret.view());
}

Result<store::Provider> ProviderService::create(const Caller &caller, const json::Value &profile,
                                                const CreateOptions &options) {
    Result<ProfileInput> input = parse(settable_profile(profile, ""), false);
    if (!input) {
        return fail(input.error());
    }
    store::Provider provider = std::move(input->provider);
    provider.id = options.id.empty() ? crypto::random_uuid() : options.id;
    provider.created_at = provider.updated_at = clock_();
    if (input->client_secret) {
        if (Result<void> sealed = seal_secret(provider, *input->client_secret); !sealed) {
            return fail(sealed.error());
        }
    }
    bool complete = false;
    Result<void> done = database_.transact([&](store::Transaction &sql) -> Result<void> {
        if (!options.id.empty() && store::providers::get_any(sql, options.id)) {
            return fail(Errc::kConflict, "the id belongs to another provider", "id");
        }
        Result<void> created = store::providers::create(sql, provider).and_then([&] {
            return store::audit_log::append(sql, event_about(caller, audit::kProviderCreated, provider),
                                            provider.created_at);
        });
        complete = created.has_value();
        return complete && options.dry_run ? fail(Errc::kInternal, "a dry run is rolled back") : created;
    });
    if (options.dry_run && complete) {
        return provider;
    }
    if (!done) {
        return fail(done.error());
    }
    log::info("provider_created", {{"provider_id", provider.id}, {"name", provider.name}});
    return provider;
}

Result<ProviderService::Replaced> ProviderService::replace(const Caller &caller, const std::string &id,
                                                           const json::Value &profile) {
    Result<store::Provider> stored = store::providers::get(database_, id);
    if (!stored) {
        return fail(stored.error());
    }
    return write(caller, *stored, profile, !stored->client_secret_box.empty());
}

Result<ProviderService::Replaced> ProviderService::patch(const Caller &caller, const std::string &id,
                                                         const json::Value &changes) {
    Result<store::Provider> stored = store::providers::get(database_, id);
    if (!stored) {
        return fail(stored.error());
    }
    const bool drops_secret = changes.contains("client_secret") && changes.get("client_secret").is_null();
    return write(caller, *stored, patched_profile(*stored, changes),
                 !drops_secret && !stored->client_secret_box.empty());
}

// Who says where secrets are sent can read them there.
Result<void> ProviderService::check_diversion(const Caller &caller, const store::Provider &stored,
                                              const store::Provider &next) {
    if (caller.scopes.has(Scope::kSecretsRead) || !sends_elsewhere(stored, next)) {
        return {};
    }
    store::ConnectionFilter of_it;
    of_it.provider_id = stored.id;
    const Result<store::ConnectionPage> any = store::connections::list(database_, of_it, 1, "");
    if (!any) {
        return fail(any.error());
    }
    if (stored.client_secret_box.empty() && any->items.empty()) {
        return {};
    }
    return fail(Errc::kInsufficientGrant,
                "this changes where the provider's credentials are sent: it needs the scope secrets:read, "
                "used from an address of ALLOWED_CIDRS_ADMIN");
}

Result<ProviderService::Replaced> ProviderService::write(const Caller &caller, const store::Provider &stored,
                                                         const json::Value &profile, bool keep_secret) {
    Result<ProfileInput> input = parse(settable_profile(profile, stored.id), keep_secret);
    if (!input) {
        return fail(input.error());
    }
    store::Provider next = std::move(input->provider);
    next.id = stored.id;
    next.created_at = stored.created_at;
    next.updated_at = clock_();
    next.client_secret_version = stored.client_secret_version;
    const bool keeps_secret = keep_secret && next.auth_type == "oauth2" && next.auth_header != "none";
    next.client_secret_box = keeps_secret ? stored.client_secret_box : "";
    next.client_secret_key_id = keeps_secret ? stored.client_secret_key_id : "";
    if (Result<void> checked = check_diversion(caller, stored, next); !checked) {
        return fail(checked.error());
    }
    bool new_secret = false;
    if (input->client_secret) {
        Result<bool> same = holds_secret(stored, *input->client_secret);
        new_secret = !same || !*same;
    }
    if (!new_secret && is_same_profile(stored, next) && stored.client_secret_box == next.client_secret_box) {
        return Replaced{stored, false};
    }
    if (new_secret) {
        if (Result<void> sealed = seal_secret(next, *input->client_secret); !sealed) {
            return fail(sealed.error());
        }
    }
    Result<void> done = database_.transact([&](store::Transaction &sql) -> Result<void> {
        if (Result<void> replaced = store::providers::replace(sql, next, stored.revision); !replaced) {
            return replaced;
        }
        if (Result<void> cleared = store::lanes::clear(sql, next.id); !cleared) {
            return cleared;  // what was wrong with the old profile is not held against the new one
        }
        return store::audit_log::append(sql, event_about(caller, audit::kProviderUpdated, next),
                                        next.updated_at);
    });
    if (!done) {
        return fail(done.error());
    }
    log::info("provider_updated", {{"provider_id", next.id}, {"name", next.name}});
    if (!is_same_in_records(stored, next)) {
        if (Result<void> republished = republish_connections(next.id); !republished) {
            return fail(republished.error());
        }
    }
    return Replaced{std::move(next), true};
}

Result<void> ProviderService::remove(const Caller &caller, const std::string &id) {
    Result<store::Provider> provider = store::providers::get_any(database_, id);
    if (!provider) {
        return fail(provider.error());
    }
    if (provider->deleted_at == 0) {
        UnixMs now = clock_();
        Result<void> done = database_.transact([&](store::Transaction &sql) -> Result<void> {
            if (Result<void> deleted = store::providers::soft_delete(sql, id, now); !deleted) {
                return deleted;
            }
            return store::audit_log::append(sql, event_about(caller, audit::kProviderDeleted, *provider),
                                            now);
        });
        if (!done) {
            return done;
        }
        log::info("provider_deleted", {{"provider_id", id}, {"name", provider->name}});
    }
    Result<void> revoked = revoke_connections(caller, id);
    if (revoked && provider->deleted_at != 0) {
        return fail(Errc::kProviderNotFound, "no such provider");
    }
    return revoked;
}

// Pages of active connections get a new generation each. A connection that moves meanwhile publishes itself,
// from the new profile.
Result<void> ProviderService::republish_connections(const std::string &provider_id) {
    std::string cursor;
    do {
        Result<std::string> next = republish_page(provider_id, cursor);
        if (!next) {
            return fail(next.error());
        }
        cursor = std::move(*next);
    } while (!cursor.empty());
    drainer_.notify();
    return {};
}

Result<std::string> ProviderService::republish_page(const std::string &provider_id,
                                                    const std::string &cursor) {
    store::ConnectionFilter filter;
    filter.provider_id = provider_id;
    filter.state = State::kActive;
    Result<store::ConnectionPage> page = store::connections::list(database_, filter, kConnectionPage, cursor);
    if (!page) {
        return fail(page.error());
    }
    return database_.transact([&](store::Transaction &sql) -> Result<std::string> {
        UnixMs now = clock_();
        for (const store::Connection &connection : page->items) {
            Result<store::Connection> bumped =
                store::connections::change(sql, connection.id, connection.generation, {}, now);
            const bool has_moved = !bumped && (bumped.error().errc == Errc::kConflict ||
                                               bumped.error().errc == Errc::kConnectionNotFound);
            if (has_moved) {
                continue;
            }
            Result<void> queued = bumped ? store::outbox::enqueue(sql, redis::EventKind::kToken, bumped->id,
                                                                  bumped->generation, now)
                                         : fail(bumped.error());
            if (!queued) {
                return fail(queued.error());
            }
        }
        return page->next_cursor;
    });
}

// Until none is left: those whose flow ended while we went through them are found in the next round.
Result<void> ProviderService::revoke_connections(const Caller &caller, const std::string &provider_id) {
    for (;;) {
        Result<size_t> found = revoke_those_found(caller, provider_id);
        if (!found) {
            return fail(found.error());
        }
        if (*found == 0) {
            break;
        }
    }
    drainer_.notify();
    return {};
}

/// returns how many there were
Result<size_t> ProviderService::revoke_those_found(const Caller &caller, const std::string &provider_id) {
    size_t found = 0;
    for (State state :
         {State::kActive, State::kAttention, State::kPending, State::kFailed, State::kExpired}) {
        store::ConnectionFilter filter;
        filter.provider_id = provider_id;
        filter.state = state;
        std::string cursor;
        do {
            Result<store::ConnectionPage> page =
                store::connections::list(database_, filter, kConnectionPage, cursor);
            if (!page) {
                return fail(page.error());
            }
            for (const store::Connection &connection : page->items) {
                if (Result<void> revoked = revoke_connection(caller, connection.id); !revoked) {
                    return fail(revoked.error());
                }
            }
            found += page->items.size();
            cursor = page->next_cursor;
        } while (!cursor.empty());
    }
    return found;
}

// Whatever it has become since it was listed; who deletes it meanwhile has done our work.
Result<void> ProviderService::revoke_connection(const Caller &caller, const std::string &id) {
    Result<void> revoked = store::while_it_moves([&] {
        return database_.transact([&](store::Transaction &sql) -> Result<void> {
            Result<store::Connection> newest = store::connections::get(sql, id);
            if (!newest) {
                return fail(newest.error());
            }
            if (newest->state == State::kRevoked) {
                return {};
            }
            store::ConnectionChange change;
            change.state = State::kRevoked;
            return forget_account(sql, id)
                .and_then([&] {
                    return store::change_connection(
                        sql, id, newest->generation, change,
                        caller.event(audit::kConnectionRevoked, "reason", "provider_deleted"), clock_());
                })
                .map([](const store::Connection &) {});
        });
    });
    return !revoked && revoked.error().errc == Errc::kConnectionNotFound ? Result<void>{} : revoked;
}

Result<store::Provider> ProviderService::get(const std::string &id) {
    return store::providers::get(database_, id);
}

Result<std::optional<Secret>> ProviderService::read_secret(const Caller &caller,
                                                           const store::Provider &provider) {
    if (!caller.scopes.has(Scope::kSecretsRead)) {
        return fail(Errc::kInsufficientGrant,
                    "this needs the scope secrets:read, used from an address of ALLOWED_CIDRS_ADMIN");
    }
    if (provider.client_secret_box.empty()) {
        return std::optional<Secret>{};
    }
    // No secret without its audit row.
    Result<void> noted = store::audit_log::append(
        database_, event_about(caller, audit::kProviderSecretRead, provider), clock_());
    if (!noted) {
        return fail(noted.error());
    }
    return vault_.open(client_secret_place(provider), provider.client_secret_box).map([](Secret &&secret) {
        return std::optional<Secret>{std::move(secret)};
    });
}

Result<store::Provider> ProviderService::get_by_name(const std::string &name) {
    return store::providers::get_by_name(database_, name);
}

Result<store::ProviderPage> ProviderService::list(int64_t limit, const std::string &cursor) {
    return store::providers::list(database_, limit, cursor);
}

Result<std::vector<store::Provider>> ProviderService::all() {
    std::vector<store::Provider> out;
    std::string cursor;
    do {
        Result<store::ProviderPage> page = store::providers::list(database_, 1000, cursor);
        if (!page) {
            return fail(page.error());
        }
        std::move(page->items.begin(), page->items.end(), std::back_inserter(out));
        cursor = page->next_cursor;
    } while (!cursor.empty() && out.size() < kMaxMetadata);
    return out;
}

}  // namespace nexus::control
