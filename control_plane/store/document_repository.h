// Public documents of providers (discovery, JWKS), kept for all nexusd: the last good body, what conditional
// requests need, and who may ask the provider next. One process fetches for the fleet: whoever `claim`s the
// row, under an epoch that only grows, so that a late writer is noticed. Holds no secret.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control_plane/store/database.h"
#include "shared/clock.h"

namespace nexus::control::store {

struct DocumentKey {
    std::string kind;    // "discovery", "jwks"
    std::string url;     // where it is fetched
    std::string issuer;  // discovery: whose it must be; jwks: ""

    auto operator<=>(const DocumentKey &) const = default;
};

struct Document {
    DocumentKey key;
    std::string body;           // "" = none was fetched yet
    int64_t version = 0;        // grows with each new body
    std::string etag;           // "" = none
    std::string last_modified;  // as the server wrote it; "" = none
    UnixMs fetched_at = 0;      // the body came
    UnixMs checked_at = 0;      // the provider last said that it holds
    UnixMs fresh_until = 0;     // as HTTP says, within bounds
    int64_t lease_epoch = 0;
    UnixMs lease_until = 0;   // somebody is fetching; 0 = nobody
    UnixMs kid_asked_at = 0;  // last fetch for the sake of a key that the document did not have
    int64_t attempts = 0;     // failures since it was last good
    UnixMs next_attempt_at = 0;
    std::string error;  // of the last attempt, a word; "" = it was good
    UnixMs last_used_at = 0;
};

/// Who wants to fetch, and on which conditions.
struct DocumentClaim {
    int64_t seen_epoch = 0;  // of the row as it was read; 0 also where there is none
    UnixMs now = 0;
    int64_t lease_ms = 0;
    bool for_kid = false;  // then only if no such fetch began within the cooldown
    int64_t cooldown_ms = 0;
};

/// What a fetch that went well leaves behind.
struct DocumentCheck {
    std::optional<std::string> body;  // nullopt = the stored one still holds
    std::string etag;
    std::string last_modified;
    UnixMs fresh_until = 0;
    bool lacks_kid = false;  // it was asked for a key and does not have it: the cooldown begins
};

namespace documents {

/// Above this, the ones that were used longest ago go.
inline constexpr int64_t kMaxRows = 4096;

/// errors kNotFound
Result<Document> get(Executor &sql, const DocumentKey &key);
/// Takes the right to fetch, until now + lease_ms. Exactly one caller of all processes gets an epoch;
/// nullopt: somebody else fetches or has fetched since the row was read, or it is too early.
Result<std::optional<int64_t>> claim(Executor &sql, const DocumentKey &key, const DocumentClaim &claim);
/// Ends the claim. returns whether the epoch still held; otherwise nothing is written
Result<bool> put(Executor &sql, const DocumentKey &key, int64_t epoch, const DocumentCheck &check,
                 UnixMs now);
/// Ends the claim; the body stays. error  a word for the row; not to be tried before next_attempt_at
Result<bool> failed(Executor &sql, const DocumentKey &key, int64_t epoch, std::string_view error,
                    UnixMs next_attempt_at);
/// It was used; never moves backwards. No row is no error.
Result<void> touch(Executor &sql, const DocumentKey &key, UnixMs now);
/// Deletes what nobody has used since `used_before`, what never was good and is not in use since
/// `empty_before`, and what is above kMaxRows. returns how many
Result<int64_t> forget_unused(Executor &sql, UnixMs used_before, UnixMs empty_before);

}  // namespace documents
}  // namespace nexus::control::store
