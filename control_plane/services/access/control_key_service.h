// Scoped control-plane keys (nxk_): made, listed, rotated, revoked. A key is shown once; its SHA-256 is kept.
// No key gives out more than it has: the scopes and the workspace of a new or rotated key lie within the
// caller's.
#pragma once

#include <string>
#include <vector>

#include "control_plane/services/access/api_key.h"
#include "control_plane/services/access/caller.h"
#include "control_plane/store/control_key_repository.h"

namespace nexus::control {

struct ControlKeyRequest {
    std::string name;
    std::vector<std::string> scopes;
    std::string workspace_id;  // "" = the caller's own, or none
    UnixMs expires_at = 0;     // 0 = never
};

struct NewControlKey {
    store::ControlKeyRow row;
    NewKey key;
};

struct RotatedControlKey {
    store::ControlKeyRow row;  // of the new key
    RotatedKey rotated;
};

/// A key of another workspace than the caller's is kNotFound.
class ControlKeyService {
public:
    ControlKeyService(store::Database &database, Clock clock)
        : database_(database), clock_(std::move(clock)) {}

    /// errors kInvalidRequest (names the member), kInsufficientGrant (scopes or workspace that the caller
    /// does not have), kAccessDenied (the workspace is suspended), kStoreUnavailable
    Result<NewControlKey> create(const Caller &caller, const ControlKeyRequest &request);
    /// errors kInsufficientGrant (somebody else's workspace), kInvalidRequest (cursor)
    Result<store::ControlKeyPage> list(const Caller &caller, const std::string &workspace_id, int64_t limit,
                                       const std::string &cursor);
    /// errors kNotFound
    Result<store::ControlKeyRow> get(const Caller &caller, const std::string &key_id);
    /// A new key with the old one's name, scopes and workspace; the old one ends after `overlap_ms` at the
    /// latest. errors kNotFound (also: ended or revoked), kInsufficientGrant (the key has more than the
    /// caller)
    Result<RotatedControlKey> rotate(const Caller &caller, const std::string &key_id, UnixMs overlap_ms,
                                     UnixMs expires_at);
    /// Again is no error. errors kNotFound
    Result<void> revoke(const Caller &caller, const std::string &key_id);

private:
    Result<store::ControlKeyRow> find(store::Executor &sql, const Caller &caller, const std::string &key_id);
    store::Database &database_;
    Clock clock_;
};

}  // namespace nexus::control
