// The token record: what the edge needs to use a connection, and nothing that outlives the access token.
// Contract between the halves; layout, versions and vectors in docs/token-record.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/connection/state.h"
#include "shared/record/envelope.h"

namespace nexus::record {

/// Owned form, for the control plane and tests.
struct TokenRecord {
    std::string connection_id;  // canonical lower-case UUID
    std::string workspace_id;
    std::string provider_id;
    std::string provider;  // its name
    connection::State state = connection::State::kPending;
    uint64_t generation = 0;
    UnixMs expires_at = 0;  // 0 = does not expire
    bool refreshable = false;
    std::string strategy;                                              // "oauth2", "header", ...
    std::vector<std::pair<std::string, std::string>> strategy_config;  // e.g. header_name -> X-API-Key
    std::vector<std::pair<std::string, Secret>> credentials;  // access_token, token_type, api_key, ...
    std::string api_base_url;
    std::vector<std::string> allowed_hosts;  // host, host:port or *.suffix
    std::vector<std::string> scopes;
    std::string attention_reason;            // machine-readable, in state attention
    std::string reconnect_url;               // in state attention
    std::vector<std::string> request_rules;  // http1/request_rules.h; empty = every request
    Secret dpop_key;  // private JWK that access_token is bound to; apart from what callers may be shown
};

/// The header that goes with the record; key id and nonce are left for `seal`.
Header header_of(const TokenRecord &record);
/// The FlatBuffers payload. errors kMalformedRecord (connection_id is not a canonical UUID)
Result<Secret> encode_token(const TokenRecord &record);
/// Payload and header, sealed for redis::token_key(record.connection_id).
/// errors kMalformedRecord (too large, or out of range), kCryptoFailure
Result<std::string> seal_token(const crypto::Keyring &keyring, const TokenRecord &record);

/// A verified view into an opened payload: no copies, valid while the buffer lives.
class TokenView {
public:
    /// Verifies the FlatBuffer, the form of connection_id, and that state, generation and expires_at agree
    /// with `header`. That the record is the one asked for is `open`'s doing: it bound the Redis key.
    /// Eight-byte alignment of `payload` keeps reads aligned. errors kMalformedRecord
    static Result<TokenView> parse(const Header &header, std::string_view payload);

    /// Of a payload that `parse` has taken before, bit for bit; nothing is verified again.
    static TokenView parsed_before(std::string_view payload) noexcept;

    std::string_view connection_id() const;
    std::string_view workspace_id() const;
    std::string_view provider_id() const;
    std::string_view provider() const;
    connection::State state() const;
    uint64_t generation() const;
    UnixMs expires_at() const;
    bool refreshable() const;
    std::string_view strategy() const;
    std::string_view strategy_config(std::string_view name) const;  // "" if absent
    std::string_view credential(std::string_view name) const;       // "" if absent
    size_t credential_count() const;  // an index of the `_at` functions must be below its count
    std::pair<std::string_view, std::string_view> credential_at(size_t index) const;
    size_t strategy_config_count() const;
    std::pair<std::string_view, std::string_view> strategy_config_at(size_t index) const;
    std::string_view api_base_url() const;
    size_t allowed_host_count() const;
    std::string_view allowed_host_at(size_t index) const;
    size_t scope_count() const;
    std::string_view scope_at(size_t index) const;
    std::string_view attention_reason() const;
    std::string_view reconnect_url() const;
    size_t request_rule_count() const;
    std::string_view request_rule_at(size_t index) const;
    std::string_view dpop_key() const;

private:
    const void *root_ = nullptr;  // nexus::record::fb::TokenRecord
};

}  // namespace nexus::record
