// Audit events: their types, their fields, and the hash that chains them (an edited, removed or reordered row
// shows). Storing them is AuditRepository's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/clock.h"
#include "shared/crypto/digest.h"

namespace nexus::control::audit {

// Types of the reference implementation (names kept for its users), then ours.
inline constexpr std::string_view kProviderCreated = "provider.created";
inline constexpr std::string_view kProviderUpdated = "provider.updated";
inline constexpr std::string_view kProviderDeleted = "provider.deleted";
inline constexpr std::string_view kProviderSecretRead = "provider.secret_read";
inline constexpr std::string_view kStateVerificationFailed = "state_verification_failed";
inline constexpr std::string_view kConnectionNotFound = "connection_not_found";
inline constexpr std::string_view kProviderNotFound = "provider_not_found";
inline constexpr std::string_view kTokenExchangeFailed = "token_exchange_failed";
inline constexpr std::string_view kIdTokenVerificationFailed = "id_token_verification_failed";
inline constexpr std::string_view kTokenStorageFailed = "token_storage_failed";
inline constexpr std::string_view kStatusUpdateFailed = "status_update_failed";
inline constexpr std::string_view kInvalidReturnUrl = "invalid_return_url";
inline constexpr std::string_view kOauthFlowCompleted = "oauth_flow_completed";
inline constexpr std::string_view kOauthError = "oauth_error";
inline constexpr std::string_view kTokenRetrieved = "token_retrieved";
inline constexpr std::string_view kTokenRetrievalFailed = "token_retrieval_failed";
inline constexpr std::string_view kTokenRefreshFatal = "token_refresh_fatal";

inline constexpr std::string_view kConnectionCreated = "connection.created";
inline constexpr std::string_view kConnectionImported = "connection.imported";
inline constexpr std::string_view kConnectionActivated = "connection.activated";
inline constexpr std::string_view kConnectionAttention = "connection.attention";
inline constexpr std::string_view kConnectionFailed = "connection.failed";
inline constexpr std::string_view kConnectionExpired = "connection.expired";
inline constexpr std::string_view kConnectionRevoked = "connection.revoked";
inline constexpr std::string_view kConnectionReconnecting = "connection.reconnecting";
inline constexpr std::string_view kConnectionLabelled = "connection.labelled";
inline constexpr std::string_view kConnectionRestricted = "connection.restricted";  // its request rules
inline constexpr std::string_view kConnectionDeleted = "connection.deleted";
inline constexpr std::string_view kUpstreamRevocation = "connection.upstream_revocation";
inline constexpr std::string_view kCredentialCaptured = "credential.captured";
inline constexpr std::string_view kTokenRefreshed = "token.refreshed";
inline constexpr std::string_view kTokenRefreshFailed = "token.refresh_failed";
inline constexpr std::string_view kAgentCreated = "agent.created";
inline constexpr std::string_view kAgentUpdated = "agent.updated";
inline constexpr std::string_view kAgentRevoked = "agent.revoked";
inline constexpr std::string_view kAgentKeyAdded = "agent.key_added";
inline constexpr std::string_view kAgentKeyRevoked = "agent.key_revoked";
inline constexpr std::string_view kAgentKeyRotated = "agent.key_rotated";
inline constexpr std::string_view kAgentIdentityAdded = "agent.identity_added";
inline constexpr std::string_view kAgentIdentityRemoved = "agent.identity_removed";
inline constexpr std::string_view kIssuerTrusted = "issuer.trusted";
inline constexpr std::string_view kIssuerUpdated = "issuer.updated";
inline constexpr std::string_view kIssuerKeysChanged = "issuer.keys_changed";
inline constexpr std::string_view kIssuerRemoved = "issuer.removed";
inline constexpr std::string_view kControlKeyCreated = "control_key.created";
inline constexpr std::string_view kControlKeyRotated = "control_key.rotated";
inline constexpr std::string_view kControlKeyRevoked = "control_key.revoked";
inline constexpr std::string_view kWorkspaceCreated = "workspace.created";
inline constexpr std::string_view kWorkspaceUpdated = "workspace.updated";
inline constexpr std::string_view kWorkspaceSuspended = "workspace.suspended";
inline constexpr std::string_view kWorkspaceResumed = "workspace.resumed";
inline constexpr std::string_view kAccessRefused = "access.refused";
inline constexpr std::string_view kCredentialRefused = "credential.refused";  // its box was not believed
inline constexpr std::string_view kVaultResealed = "vault.resealed";
inline constexpr std::string_view kAuditKeyCreated = "audit.key_created";
inline constexpr std::string_view kAuditTrimmed = "audit.trimmed";
inline constexpr std::string_view kAuditChainBroken = "audit.chain_broken";  // the head was not as we left it

/// What happened. No member may hold a secret or a provider's raw text; each is cut at kMaxFieldBytes.
struct Event {
    std::string type;
    std::string workspace_id;
    std::string connection_id;  // "" = none, like all below
    std::string provider_id;
    std::string actor;  // "agent:<id>", "key:full", "key:edge", "key:<id>", "person", "system"
    std::string ip_address;
    std::string user_agent;
    std::string data;  // JSON object, compact; "" = {}
};

inline constexpr size_t kMaxFieldBytes = 2048;
inline constexpr size_t kMaxDataBytes = 8192;

/// A row of the chain.
struct StoredEvent {
    int64_t sequence = 0;  // 1, 2, 3, ... without a gap
    std::string id;        // UUID
    UnixMs created_at = 0;
    Event event;
    std::string previous_hash;  // 32 bytes; zeroes for the first row
    std::string hash;           // 32 bytes: chain_hash, or Chain::row_mac where there is a key_id
    std::string key_id;         // of the chain's key; "" = the row is from before the chain had one
};

/// version, previous_hash and every field, each prefixed by its length (8 bytes, big-endian).
std::string chain_input(std::string_view version, const StoredEvent &row);
/// SHA-256 of it, version "nexus audit v1".
crypto::Sha256 chain_hash(const StoredEvent &row);

/// `event` as databases take it: fields in UTF-8, without NULs, cut to their limits.
Event bounded(Event event);

}  // namespace nexus::control::audit
