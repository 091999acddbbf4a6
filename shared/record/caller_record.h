// The caller record: who an API key or an identity belongs to and what it may do; sealed like a token record,
// found under the SHA-256 of the whole key, so that the key itself is never stored or sent on, or of the
// identity's text (caller/identity.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/record/envelope.h"

namespace nexus::record {

enum class CallerState : uint8_t { kActive = 1, kRevoked = 2 };

/// Grants (DESIGN 6) as bits; the order is part of the record's format.
enum class Grant : uint32_t {
    kTokenUse = 1u << 0,           // token:use, inject only
    kTokenRead = 1u << 1,          // token:read, may see the access token
    kConnectionCreate = 1u << 2,   // connection:create
    kConnectionRefresh = 1u << 3,  // connection:refresh
    kAdmin = 1u << 4,              // admin: implies all of the above within the workspace
};

std::string_view to_string(Grant grant) noexcept;
std::optional<Grant> parse_grant(std::string_view name) noexcept;
bool has_grant(uint32_t grants, Grant wanted) noexcept;

struct CallerRecord {
    std::string agent_id;
    std::string workspace_id;
    std::string name;
    std::string key_id;      // the public part of nxa_<id>_<secret>, or an identity's id
    std::string key_sha256;  // 64 hex digits, the Redis key's tag
    CallerState state = CallerState::kActive;
    uint64_t generation = 0;
    UnixMs expires_at = 0;  // of the key; 0 = does not expire
    uint32_t grants = 0;
    std::vector<std::string> connections;                      // empty = all of the workspace
    std::vector<std::string> providers;                        // provider names; empty = all
    std::vector<std::pair<std::string, std::string>> aliases;  // is_alias name -> connection id
};

/// The header that goes with the record; key id and nonce are left for `seal`.
Header header_of(const CallerRecord &record);
/// The FlatBuffers payload. errors kMalformedRecord (key_sha256 is not 64 lower-case hexadecimal digits)
Result<Secret> encode_caller(const CallerRecord &record);
/// Payload and header, sealed for redis::caller_key(record.key_sha256).
/// errors kMalformedRecord (too large, or out of range), kCryptoFailure
Result<std::string> seal_caller(const crypto::Keyring &keyring, const CallerRecord &record);

class CallerView {
public:
    /// Verifies the FlatBuffer, the form of key_sha256, and that state, generation and expires_at agree with
    /// `header`; whether the key is revoked or expired is in the header. errors kMalformedRecord
    static Result<CallerView> parse(const Header &header, std::string_view payload);

    std::string_view agent_id() const;
    std::string_view workspace_id() const;
    std::string_view name() const;
    std::string_view key_id() const;
    std::string_view key_sha256() const;
    uint32_t grants() const;
    size_t connection_count() const;  // an index of the `_at` functions must be below its count
    std::string_view connection_at(size_t index) const;
    size_t provider_count() const;
    std::string_view provider_at(size_t index) const;
    size_t alias_count() const;
    std::pair<std::string_view, std::string_view> alias_at(size_t index) const;
    /// The connection that the agent calls by that name, "" if none. Whether it may see it: may_see.
    std::string_view connection_called(std::string_view alias) const;
    /// Is the connection within this caller's reach: same workspace, and named where the key is narrowed?
    bool may_see(std::string_view workspace_id, std::string_view connection_id,
                 std::string_view provider) const;

private:
    const void *root_ = nullptr;  // nexus::record::fb::CallerRecord
};

/// An agent's own name of a connection: 1 to 63 of [a-z0-9._-], the first a letter or a digit, and no UUID.
bool is_alias(std::string_view text) noexcept;
inline constexpr size_t kMaxAliases = 256;

/// `nxa_<id>_<secret>`: id 16 lower-case letters and digits, secret 43 base64url characters (32 bytes).
bool is_agent_key(std::string_view text) noexcept;
inline constexpr size_t kAgentKeyChars = 64;

}  // namespace nexus::record
