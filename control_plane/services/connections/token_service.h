// Hands out usage credentials: to callers (checked against grants and workspace), and to edges as records.
#pragma once

#include <string>

#include "control_plane/refresh/refresh_engine.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/services/audit/audit_queue.h"
#include "control_plane/services/connections/record_builder.h"

namespace nexus::control {

class Metrics;

class TokenService {
public:
    TokenService(store::Database &database, const RecordBuilder &records, RefreshEngine &engine,
                 AuditQueue &audit, Clock clock, Metrics *metrics)
        : database_(database),
          records_(records),
          engine_(engine),
          audit_(audit),
          clock_(std::move(clock)),
          metrics_(metrics) {}

    /// The record of an active connection with a token that is good now, refreshed first if need be.
    /// errors kInvalidConnectionId, kConnectionNotFound (also: out of the caller's reach),
    /// kInsufficientGrant,
    ///        DESIGN 4's refusals by state (kAttentionRequired carries the reason in `detail`),
    ///        kTokenUnavailable, kProviderError, kStoreUnavailable
    Result<record::TokenRecord> read(const Caller &caller, const std::string &connection_id);
    /// The same after a forced refresh. errors as read; kStaticToken, kNoRefreshToken
    Result<record::TokenRecord> refresh(const Caller &caller, const std::string &connection_id);
    /// The connection's state, whatever it is. errors kInvalidConnectionId, kConnectionNotFound,
    /// kStoreUnavailable
    Result<connection::State> check(const Caller &caller, const std::string &connection_id);

    /// For edges: the record in whatever state the connection is (docs/edge-protocol.md).
    Result<record::TokenRecord> record_for_edge(const Caller &caller, const std::string &connection_id);
    Result<record::TokenRecord> refresh_for_edge(const Caller &caller, const std::string &connection_id,
                                                 std::optional<int64_t> above_generation);

private:
    using Found = store::ConnectionWhole;
    Result<Found> find(const Caller &caller, const std::string &connection_id);
    Result<store::Connection> make_usable(const store::Connection &connection, const RefreshWish &wish);
    Result<record::TokenRecord> usable_record(const Caller &caller, const Found &found,
                                              const Result<store::Connection> &row);
    Result<record::TokenRecord> record_of(const Found &found, const Result<store::Connection> &row) const;
    Result<record::TokenRecord> leased_record(const Caller &caller, const Found &found,
                                              const Result<store::Connection> &row);
    void note(const Caller &caller, const store::Connection &connection, const Error *error);

    store::Database &database_;
    const RecordBuilder &records_;
    RefreshEngine &engine_;
    AuditQueue &audit_;
    Clock clock_;
    Metrics *metrics_;
};

/// A connection id in its canonical form. errors kInvalidConnectionId
Result<std::string> canonical_connection_id(std::string_view text);

}  // namespace nexus::control
