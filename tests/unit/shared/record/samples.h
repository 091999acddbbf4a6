// Records for tests.
#pragma once

#include "shared/record/caller_record.h"
#include "shared/record/token_record.h"
#include "shared/redis/keys.h"

namespace nexus::tests {

inline constexpr const char *kConnectionId = "6f1f4f0e-8a43-4a53-9d5b-3a3a5f1b2c01";

inline record::TokenRecord sample_token() {
    record::TokenRecord token;
    token.connection_id = kConnectionId;
    token.workspace_id = "acme";
    token.provider_id = "0b7f9a52-33c5-4e0c-8d9f-5a1f0f6f7d10";
    token.provider = "calendar";
    token.state = connection::State::kActive;
    token.generation = 7;
    token.expires_at = 1'767'225'600'000;
    token.refreshable = true;
    token.strategy = "oauth2";
    token.strategy_config.emplace_back("header_name", "X-Key");
    token.credentials.emplace_back("access_token", Secret{std::string_view{"at-secret"}});
    token.credentials.emplace_back("token_type", Secret{std::string_view{"Bearer"}});
    token.api_base_url = "https://api.example.com";
    token.allowed_hosts = {"api.example.com", "*.files.example.com"};
    token.scopes = {"read", "write"};
    return token;
}

inline record::CallerRecord sample_caller() {
    record::CallerRecord caller;
    caller.agent_id = "e2a1a6f5-1f0e-4d27-9a0e-9f4f1a1b7c22";
    caller.workspace_id = "acme";
    caller.name = "night shift";
    caller.key_id = "0123456789abcdef";
    caller.key_sha256 = std::string(64, 'b');
    caller.generation = 3;
    caller.grants = static_cast<uint32_t>(record::Grant::kTokenUse);
    return caller;
}

/// A token record that went through its payload; the payload lives as long as this.
struct OpenedToken {
    explicit OpenedToken(const record::TokenRecord &token)
        : payload(std::move(record::encode_token(token).value())),
          view(record::TokenView::parse(header_of(token), payload.view()).value()) {}

    Secret payload;
    record::TokenView view;
};

struct OpenedCaller {
    explicit OpenedCaller(const record::CallerRecord &caller)
        : payload(std::move(record::encode_caller(caller).value())),
          view(record::CallerView::parse(header_of(caller), payload.view()).value()) {}

    Secret payload;
    record::CallerView view;
};

}  // namespace nexus::tests
