// Names that both halves use in Redis. Hash tags keep every script on one cluster slot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/result.h"

namespace nexus::redis {

inline constexpr std::string_view kEventChannel = "nexus:events";

std::string token_key(std::string_view connection_id);    // nexus:tok:{<connection_id>}
std::string caller_key(std::string_view api_key_sha256);  // nexus:agent:{<64 hex digits>}
std::string issuer_key(std::string_view issuer_sha256);   // nexus:issuer:{<64 hex digits>}

enum class EventKind : uint8_t { kToken = 1, kCaller = 2, kIssuer = 3 };

/// The key of the record that events of this kind tell of.
std::string record_key(EventKind kind, std::string_view id);

/// "token", "agent", "issuer"
std::string_view to_string(EventKind kind) noexcept;
std::optional<EventKind> parse_event_kind(std::string_view name) noexcept;

struct Event {
    EventKind kind;
    std::string id;  // connection id, or SHA-256 hex of the API key, identity or issuer
    uint64_t generation;
};

/// `{"kind":"token"|"agent"|"issuer","id":"...","generation":N}`
std::string to_json(const Event &event);
/// Unknown members are ignored (newer writers). The id must be a lower-case UUID (token) or 64 lower-case
/// hexadecimal digits (agent, issuer). errors kMalformedRecord
Result<Event> parse_event(std::string_view json);

/// Writes a sealed record unless the stored one is newer, and publishes the event; one script, one slot.
/// KEYS[1] record key. ARGV: 1 generation, 2 sealed record, 3 lifetime in ms (> 0), 4 event JSON, 5 channel.
/// returns 1 written, 0 refused: the stored record has a newer generation (an equal one is rewritten, as is a
/// value that is no record). An error reply if ARGV[2] is no sealed record of generation ARGV[1], and if
/// Redis takes no writes: then the stored record is removed, if Redis allows that, and the event is
/// published.
extern const std::string_view kWriteRecordScript;

/// What is stored, for who was refused. KEYS[1] record key. ARGV: none, or 1: what was stored and is to go,
/// if it still is. returns the sealed record; "": there is none (any more)
extern const std::string_view kReadRecordScript;

}  // namespace nexus::redis
