// Key names only; who reads and writes them lives in the two halves.
#include "shared/redis/keys.h"

#include <array>
#include <utility>

namespace nexus::redis {

namespace {

std::string tagged(std::string_view prefix, std::string_view id) {
    std::string key;
    key.reserve(prefix.size() + id.size() + 2);
    key.append(prefix).append(1, '{').append(id).append(1, '}');
    return key;
}

constexpr std::array<std::pair<EventKind, std::string_view>, 3> kKinds{{
    {EventKind::kToken, "token"},
    {EventKind::kCaller, "agent"},
    {EventKind::kIssuer, "issuer"},
}};

}  // namespace

std::string_view to_string(EventKind kind) noexcept {
    return kKinds[static_cast<size_t>(kind) - 1].second;
}

std::optional<EventKind> parse_event_kind(std::string_view name) noexcept {
    for (const auto &[kind, known] : kKinds) {
        if (known == name) {
            return kind;
        }
    }
    return std::nullopt;
}

std::string token_key(std::string_view connection_id) {
    return tagged("nexus:tok:", connection_id);
}

std::string caller_key(std::string_view api_key_sha256) {
    return tagged("nexus:agent:", api_key_sha256);
}

std::string issuer_key(std::string_view issuer_sha256) {
    return tagged("nexus:issuer:", issuer_sha256);
}

std::string record_key(EventKind kind, std::string_view id) {
    switch (kind) {
        case EventKind::kToken:
            return token_key(id);
        case EventKind::kCaller:
            return caller_key(id);
        case EventKind::kIssuer:
            break;
    }
    return issuer_key(id);
}

}  // namespace nexus::redis
