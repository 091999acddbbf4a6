// The schema, step by step. One text for both databases: BIGINT, TEXT and BYTEA (SQLite gives the last one
// NUMERIC affinity, which leaves blobs alone). Times are Unix ms, 0 = not set; "" = not set; lists and params
// are JSON texts.
#include <array>

#include "control_plane/store/migrations.h"

namespace nexus::control::store {

namespace {

constexpr std::string_view kInitial = R"sql(
CREATE TABLE provider_profiles (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    auth_type TEXT NOT NULL,
    auth_header TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret_box BYTEA,
    client_secret_version BIGINT NOT NULL,
    auth_url TEXT NOT NULL,
    token_url TEXT NOT NULL,
    issuer TEXT NOT NULL,
    enable_discovery BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    api_base_url TEXT NOT NULL,
    user_info_endpoint TEXT NOT NULL,
    params TEXT NOT NULL,
    allowed_hosts TEXT NOT NULL,
    description TEXT NOT NULL,
    category TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX provider_profiles_living_name ON provider_profiles (name) WHERE deleted_at = 0;

CREATE TABLE connections (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    provider_id TEXT NOT NULL REFERENCES provider_profiles (id),
    state TEXT NOT NULL,
    generation BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    return_url TEXT NOT NULL,
    flow_id TEXT NOT NULL,
    flow_expires_at BIGINT NOT NULL,
    code_verifier_box BYTEA,
    nonce TEXT NOT NULL,
    flow_scopes TEXT NOT NULL,
    account_subject TEXT NOT NULL,
    attention_reason TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    refreshable BIGINT NOT NULL,
    refresh_epoch BIGINT NOT NULL,
    refresh_lease_until BIGINT NOT NULL,
    refresh_owner TEXT NOT NULL,
    last_refreshed_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX connections_by_age ON connections (created_at, id);
CREATE INDEX connections_of_workspace ON connections (workspace_id, created_at, id);
CREATE INDEX connections_of_provider ON connections (provider_id, created_at, id);
CREATE INDEX connections_pending ON connections (flow_expires_at) WHERE state = 'pending';

CREATE TABLE tokens (
    connection_id TEXT PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    box BYTEA NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    grants BIGINT NOT NULL,
    connections TEXT NOT NULL,
    providers TEXT NOT NULL,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX agents_by_age ON agents (created_at, id);
CREATE INDEX agents_of_workspace ON agents (workspace_id, created_at, id);

CREATE TABLE agent_keys (
    key_id TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agents (id),
    sha256 TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX agent_keys_of_agent ON agent_keys (agent_id, created_at);

CREATE TABLE audit_events (
    sequence BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    event_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    ip_address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    event_data TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_events_of_connection ON audit_events (connection_id, sequence);
CREATE INDEX audit_events_of_type ON audit_events (event_type, sequence);

CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, sequence, hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TABLE cache_outbox (
    kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    PRIMARY KEY (kind, target_id)
);
CREATE INDEX cache_outbox_due ON cache_outbox (next_attempt_at);

CREATE TABLE documents (
    url TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    etag TEXT NOT NULL,
    last_modified TEXT NOT NULL,
    fetched_at BIGINT NOT NULL,
    fresh_until BIGINT NOT NULL
);
)sql";

// What the whole broker needs (issue 3): declarative OAuth profiles, labels and kept fields of connections,
// key ids beside every box (so that a rotation finds what is left), scoped control-plane keys.
constexpr std::string_view kBroker = R"sql(
ALTER TABLE provider_profiles ADD COLUMN oauth TEXT NOT NULL DEFAULT '{}';
ALTER TABLE provider_profiles ADD COLUMN client_secret_key_id TEXT NOT NULL DEFAULT '';

ALTER TABLE connections ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE connections ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE connections ADD COLUMN variables TEXT NOT NULL DEFAULT '{}';
ALTER TABLE connections ADD COLUMN flow_variables TEXT NOT NULL DEFAULT '{}';
ALTER TABLE connections ADD COLUMN flow_allows_other_account BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN code_verifier_key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE connections ADD COLUMN token_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX connections_deleted ON connections (deleted_at) WHERE deleted_at > 0;

ALTER TABLE tokens ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_of_vault_key ON tokens (key_id, connection_id);

ALTER TABLE agent_keys ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;

CREATE TABLE control_keys (
    key_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    scopes BIGINT NOT NULL,
    workspace_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL DEFAULT 0,
    last_used_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX control_keys_by_age ON control_keys (created_at, key_id);

CREATE TABLE workspaces (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    suspended_at BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX audit_events_of_workspace ON audit_events (workspace_id, sequence);
)sql";

// Key rotation and a keyed audit chain: the installation's own secrets, which keys seal code verifiers, the
// head as the chain's one checkpoint. A connection's token_version starts at the version that its box has.
constexpr std::string_view kVault = R"sql(
CREATE TABLE vault_secrets (
    name TEXT PRIMARY KEY,
    box BYTEA NOT NULL,
    version BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX connections_of_verifier_key ON connections (code_verifier_key_id, id)
    WHERE code_verifier_key_id <> '';
UPDATE connections SET token_version =
    COALESCE((SELECT version FROM tokens WHERE tokens.connection_id = connections.id), 0);

ALTER TABLE audit_events ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_events_of_provider ON audit_events (provider_id, sequence);
CREATE INDEX audit_events_of_actor ON audit_events (actor, sequence);
CREATE INDEX audit_events_by_age ON audit_events (created_at);
ALTER TABLE audit_head ADD COLUMN first_sequence BIGINT NOT NULL DEFAULT 1;
ALTER TABLE audit_head ADD COLUMN anchor TEXT NOT NULL
    DEFAULT '0000000000000000000000000000000000000000000000000000000000000000';
ALTER TABLE audit_head ADD COLUMN mac TEXT NOT NULL DEFAULT '';
)sql";

// OpenID Connect, hardened (issue 4): what a profile says of it, who the connected account is,
// and the documents of providers, shared by all nexusd (the old table of them was never used).
constexpr std::string_view kOidc = R"sql(
ALTER TABLE provider_profiles ADD COLUMN oidc TEXT NOT NULL DEFAULT '{}';

CREATE TABLE identities (
    connection_id TEXT PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    claims TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

DROP TABLE documents;
CREATE TABLE documents (
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    issuer TEXT NOT NULL,
    body TEXT NOT NULL,
    version BIGINT NOT NULL,
    etag TEXT NOT NULL,
    last_modified TEXT NOT NULL,
    fetched_at BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    fresh_until BIGINT NOT NULL,
    lease_epoch BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    kid_asked_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    error TEXT NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (kind, url, issuer)
);
CREATE INDEX documents_by_use ON documents (last_used_at);

ALTER TABLE connections ADD COLUMN flow_poll_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN flow_poll_interval_s BIGINT NOT NULL DEFAULT 0;
)sql";

// The refresh engine (issue 5): a due queue of its own, narrow and with few indexes, because its rows change
// at every refresh; the fleet's limits and breakers. What connections kept of leases moves there.
constexpr std::string_view kRefresh = R"sql(
CREATE TABLE refreshes (
    connection_id TEXT PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    provider_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    wanted_at BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    owner TEXT NOT NULL,
    token_epoch BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    rate_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX refreshes_due ON refreshes (provider_id, due_at) WHERE due_at > 0;
CREATE INDEX refreshes_open ON refreshes (provider_id, due_at) WHERE due_at > 0 AND sent_at > 0;
INSERT INTO refreshes (connection_id, provider_id, workspace_id, due_at, wanted_at, epoch, lease_until, owner,
                       token_epoch, sent_at, rate_at, attempts, reason)
SELECT id, provider_id, workspace_id,
       CASE WHEN state <> 'active' OR expires_at = 0 THEN 0
            WHEN expires_at > 300000 THEN expires_at - 300000 ELSE 1 END,
       CASE WHEN state <> 'active' OR expires_at = 0 THEN 0
            WHEN expires_at > 300000 THEN expires_at - 300000 ELSE 1 END,
       refresh_epoch + 1, 0, '', refresh_epoch + 1, 0, 0, 0, ''
FROM connections WHERE refreshable <> 0 AND deleted_at = 0;
ALTER TABLE connections DROP COLUMN refresh_epoch;
ALTER TABLE connections DROP COLUMN refresh_lease_until;
ALTER TABLE connections DROP COLUMN refresh_owner;

CREATE TABLE refresh_lanes (
    lane TEXT PRIMARY KEY,
    slot_us BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    reason TEXT NOT NULL
);
)sql";

// Callers without API keys (issue 6): identities are credentials of agents beside their keys, found in the
// same way; the issuers whose JWTs are believed, with the keys that edges were last told.
constexpr std::string_view kCallers = R"sql(
ALTER TABLE agent_keys ADD COLUMN kind TEXT NOT NULL DEFAULT 'api_key';
ALTER TABLE agent_keys ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE agent_keys ADD COLUMN subject TEXT NOT NULL DEFAULT '';

CREATE TABLE trusted_issuers (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    issuer TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL UNIQUE,
    audiences TEXT NOT NULL,
    algorithms TEXT NOT NULL,
    inline_jwks TEXT NOT NULL,
    jwks_uri TEXT NOT NULL,
    leeway_s BIGINT NOT NULL,
    max_age_s BIGINT NOT NULL,
    jwks TEXT NOT NULL,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    removed_at BIGINT NOT NULL
);
)sql";

// The sidecar (issue 7): which requests a connection may be used for, and agents' own names of connections.
constexpr std::string_view kSidecar = R"sql(
ALTER TABLE connections ADD COLUMN request_rules TEXT NOT NULL DEFAULT '[]';
ALTER TABLE agents ADD COLUMN aliases TEXT NOT NULL DEFAULT '{}';
)sql";

// Who is known by an issuer's tokens: asked whenever it comes, goes or changes, under the lock of its row.
// And how long a key was to live before it was replaced, which ends it early.
constexpr std::string_view kIssuers = R"sql(
CREATE INDEX agent_keys_of_issuer ON agent_keys (issuer) WHERE kind = 'jwt' AND revoked_at = 0;
ALTER TABLE control_keys ADD COLUMN lifetime_ms BIGINT NOT NULL DEFAULT -1;
ALTER TABLE agent_keys ADD COLUMN lifetime_ms BIGINT NOT NULL DEFAULT -1;
)sql";

constexpr std::array kMigrations{
    Migration{1, "initial", kInitial}, Migration{2, "broker", kBroker},   Migration{3, "vault", kVault},
    Migration{4, "oidc", kOidc},       Migration{5, "refresh", kRefresh}, Migration{6, "callers", kCallers},
    Migration{7, "sidecar", kSidecar}, Migration{8, "issuers", kIssuers},
};

}  // namespace

std::span<const Migration> all_migrations() noexcept {
    return kMigrations;
}

}  // namespace nexus::control::store
