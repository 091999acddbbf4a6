// Content of sealed records: see record_builder.h.
#include "control_plane/services/connections/record_builder.h"

#include "control_plane/oauth/client.h"
#include "control_plane/oauth/credential_alarm.h"
#include "control_plane/oauth/stored_credentials.h"
#include "control_plane/oauth/variables.h"
#include "control_plane/services/agents/aliases.h"
#include "control_plane/services/providers/provider_profile.h"

namespace nexus::control {

namespace {

record::TokenRecord describe(const store::Connection &connection, const store::Provider &provider) {
    record::TokenRecord out;
    out.connection_id = connection.id;
    out.workspace_id = connection.deleted_at == 0 ? connection.workspace_id : "";
    out.provider_id = provider.id;
    out.provider = provider.name;
    bool is_gone = provider.deleted_at != 0 || connection.deleted_at != 0;
    out.state = is_gone ? connection::State::kRevoked : connection.state;
    out.generation = static_cast<uint64_t>(connection.generation);
    if (out.state == connection::State::kAttention) {
        out.attention_reason = connection.attention_reason;
    }
    return out;
}

template <typename Record>
Result<std::optional<CacheRecord>> unless_gone(Result<Record> record, Errc gone) {
    if (!record && record.error().errc == gone) {
        return std::optional<CacheRecord>{};
    }
    return record ? Result<std::optional<CacheRecord>>{std::move(*record)} : fail(record.error());
}

}  // namespace

Result<record::CallerRecord> caller_record_of(const store::Agent &agent) {
    record::CallerRecord out;
    out.agent_id = agent.id;
    out.workspace_id = agent.workspace_id;
    out.name = agent.name;
    out.generation = static_cast<uint64_t>(agent.generation);
    out.grants = agent.grants;
    out.connections = agent.connections;
    out.providers = agent.providers;
    Result<Aliases> aliases = parse_aliases(agent.aliases);
    if (!aliases) {
        return fail(aliases.error());
    }
    out.aliases.assign(aliases->begin(), aliases->end());
    return out;
}

record::IssuerRecord record_of(const store::TrustedIssuer &issuer) {
    record::IssuerRecord out;
    out.issuer = issuer.issuer;
    out.workspace_id = issuer.workspace_id;
    out.generation = static_cast<uint64_t>(issuer.generation);
    if (issuer.removed_at != 0) {
        out.state = record::IssuerState::kRemoved;
        return out;
    }
    out.audiences = issuer.audiences;
    out.algorithms = issuer.algorithms;
    out.jwks = issuer.jwks;
    out.leeway_s = static_cast<uint32_t>(issuer.leeway_s);
    out.max_age_s = static_cast<uint32_t>(issuer.max_age_s);
    return out;
}

Result<record::TokenRecord> RecordBuilder::token(const std::string &connection_id) const {
    Result<store::ConnectionWhole> whole = store::connections::get_whole(database_, connection_id);
    return whole ? token(*whole) : fail(whole.error());
}

Result<record::TokenRecord> RecordBuilder::token(const store::Connection &connection) const {
    Result<store::ConnectionWhole> whole = store::connections::get_whole(database_, connection.id);
    if (!whole) {
        return fail(whole.error());
    }
    whole->connection = connection;
    return token(*whole);
}

Result<record::TokenRecord> RecordBuilder::token(const store::ConnectionWhole &whole) const {
    const store::Connection &connection = whole.connection;
    const store::Provider &provider = whole.provider;
    record::TokenRecord out = describe(connection, provider);
    if (out.state == connection::State::kAttention && links_ != nullptr) {
        out.reconnect_url = links_->link_to(connection.id);
    }
    if (out.state != connection::State::kActive) {
        return out;
    }
    if (!whole.token) {
        return fail(Errc::kTokenUnavailable, "the connection has no credential yet");
    }
    Result<StoredCredentials> credentials = open_credentials(vault_, connection, *whole.token);
    if (!credentials) {
        report_refused(credentials.error(), connection.id, metrics_);
        return fail(credentials.error());
    }
    StrategyConfig strategy = strategy_of(provider);
    out.expires_at = connection.expires_at;
    out.refreshable = connection.refreshable;
    out.strategy = std::move(strategy.type);
    out.strategy_config = std::move(strategy.config);
    out.credentials = std::move(credentials->usage);
    if (out.strategy == "oauth2") {
        out.dpop_key = std::move(credentials->dpop_key);
    }
    Result<Variables> variables = parse_variables(connection.variables);
    if (!variables) {
        return fail(variables.error());
    }
    out.api_base_url = api_base_url_of(provider, *variables);
    out.allowed_hosts = allowed_hosts_of(provider, out.api_base_url);
    out.scopes = connection.scopes;
    out.request_rules = connection.request_rules;
    return out;
}

Result<record::CallerRecord> RecordBuilder::caller(const std::string &key_sha256) const {
    Result<store::AgentWithKey> found = store::agents::find_by_key(database_, key_sha256);
    if (!found) {
        return fail(found.error());
    }
    const bool is_active = found->is_active(clock_());
    Result<record::CallerRecord> out = is_active ? caller_record_of(found->agent) : record::CallerRecord{};
    if (!out) {
        return out;
    }
    if (!is_active) {  // and no more than that: it must fit into a record whatever the agent had
        out->agent_id = found->agent.id;
        out->workspace_id = found->agent.workspace_id;
        out->generation = static_cast<uint64_t>(found->agent.generation);
        out->state = record::CallerState::kRevoked;
    }
    out->key_id = found->key.key_id;
    out->key_sha256 = found->key.sha256;
    out->expires_at = found->key.expires_at;
    return out;
}

Result<record::IssuerRecord> RecordBuilder::issuer(const std::string &sha256) const {
    return store::trusted_issuers::find(database_, sha256).map(record_of);
}

Result<std::optional<CacheRecord>> RecordBuilder::for_outbox(const store::OutboxEntry &entry) const {
    switch (entry.kind) {
        case redis::EventKind::kToken:
            return unless_gone(token(entry.id), Errc::kConnectionNotFound);
        case redis::EventKind::kIssuer:
            return unless_gone(issuer(entry.id), Errc::kIssuerNotFound);
        case redis::EventKind::kCaller:
            break;
    }
    return unless_gone(caller(entry.id), Errc::kInvalidApiKey);
}

}  // namespace nexus::control
