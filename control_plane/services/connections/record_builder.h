// Builds the sealed records' content from the database as it is now: what edges get, over Redis or over HTTP.
#pragma once

#include <optional>
#include <string>

#include "control_plane/cache/outbox_drainer.h"
#include "control_plane/services/consents/reconnect_link.h"
#include "control_plane/store/agent_repository.h"
#include "control_plane/store/connection_whole.h"
#include "control_plane/store/provider_repository.h"
#include "control_plane/store/trusted_issuer_repository.h"
#include "control_plane/vault/vault.h"

namespace nexus::control {

class Metrics;

/// What edges learn of an agent, apart from the key. errors kStoreUnavailable (aliases that are no JSON)
Result<record::CallerRecord> caller_record_of(const store::Agent &agent);
/// What edges learn of an issuer; of a removed one that it is gone.
record::IssuerRecord record_of(const store::TrustedIssuer &issuer);

class RecordBuilder {
public:
    /// links  the reconnect_url of a connection that needs a person; nullptr = none
    RecordBuilder(store::Database &database, const Vault &vault, Clock clock,
                  const ReconnectLinks *links = nullptr, Metrics *metrics = nullptr)
        : database_(database), vault_(vault), clock_(std::move(clock)), links_(links), metrics_(metrics) {}

    /// A deleted connection gives a record of no workspace, so that edges tell nobody of it.
    /// Credentials are in it only while the connection is active and its provider lives.
    /// errors kConnectionNotFound, kStoreUnavailable, kSealBroken, kUnknownKey, kMalformedRecord
    Result<record::TokenRecord> token(const std::string &connection_id) const;
    /// Of a row that the caller has read already.
    Result<record::TokenRecord> token(const store::Connection &connection) const;
    /// Of rows that were read together. errors kTokenUnavailable, kSealBroken, kUnknownKey, kMalformedRecord
    Result<record::TokenRecord> token(const store::ConnectionWhole &whole) const;
    /// errors kInvalidApiKey (unknown hash), kStoreUnavailable
    Result<record::CallerRecord> caller(const std::string &key_sha256) const;
    /// Removed ones too. errors kIssuerNotFound (unknown hash), kStoreUnavailable
    Result<record::IssuerRecord> issuer(const std::string &sha256) const;
    /// The drainer's RecordSource.
    Result<std::optional<CacheRecord>> for_outbox(const store::OutboxEntry &entry) const;

private:
    store::Database &database_;
    const Vault &vault_;
    Clock clock_;
    const ReconnectLinks *links_;
    Metrics *metrics_;
};

}  // namespace nexus::control
