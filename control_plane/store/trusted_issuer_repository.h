// Issuers whose JWTs callers may present, in SQL. `generation` grows with each change, of the keys too;
// issuer records carry it. A removed issuer's row stays as its tombstone, and comes back to life when it is
// trusted again. Identities (agent_identity_repository.h) live no longer than the trust.
#pragma once

#include <string>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct TrustedIssuer {
    std::string id;            // UUID
    std::string workspace_id;  // whose agents its tokens may name; "" = any
    std::string issuer;        // as tokens write it
    std::string sha256;        // caller::issuer_sha256
    std::vector<std::string> audiences;
    std::vector<std::string> algorithms;
    std::string inline_jwks;  // a JWK Set that somebody wrote down; "" = the issuer publishes it
    std::string jwks_uri;     // "" = by discovery
    int64_t leeway_s = 0;
    int64_t max_age_s = 0;  // 0 = as long as exp says
    std::string jwks;       // what edges were last told: public keys, "" = none are known yet
    int64_t generation = 1;
    UnixMs created_at = 0;
    UnixMs updated_at = 0;
    UnixMs removed_at = 0;  // 0 = trusted
};

struct TrustedIssuerPage {
    std::vector<TrustedIssuer> items;
    std::string next_cursor;
};

namespace trusted_issuers {

/// Takes a removed one's row over. returns what is stored. errors kConflict (trusted already)
Result<TrustedIssuer> create(Transaction &sql, const TrustedIssuer &issuer);
/// Not removed ones. errors kIssuerNotFound
Result<TrustedIssuer> get(Executor &sql, std::string_view id);
/// By its digest, removed ones too. errors kIssuerNotFound
Result<TrustedIssuer> find(Executor &sql, std::string_view sha256);
/// The same, for who writes what must be true of the issuer until the transaction ends: nobody changes its
/// row meanwhile. errors kIssuerNotFound
Result<TrustedIssuer> hold(Transaction &sql, std::string_view sha256);
/// Newest first. workspace_id "" = all. errors kInvalidRequest (cursor)
Result<TrustedIssuerPage> list(Executor &sql, std::string_view workspace_id, int64_t limit,
                               std::string_view cursor);
/// Writes audiences, algorithms, where the keys come from, the keys, leeway and age; the generation grows.
/// errors kConflict (another generation, or removed)
Result<TrustedIssuer> update(Transaction &sql, const TrustedIssuer &issuer, UnixMs now);
/// errors kIssuerNotFound
Result<TrustedIssuer> remove(Transaction &sql, std::string_view id, UnixMs now);

}  // namespace trusted_issuers
}  // namespace nexus::control::store
