// The audit chain's arithmetic: what one row and the head are sealed with. With a key (HMAC-SHA-256) nobody
// who can merely write the database can make a row or a head that fits; rows from before there was a key
// carry a plain SHA-256 and are held by the first keyed row after them. Knows no SQL; docs/decisions/0026.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "control_plane/audit/event.h"
#include "shared/secret.h"

namespace nexus::control::audit {

/// The chain's two ends.
struct Head {
    int64_t sequence = 0;        // of the newest row; 0 = none was ever written
    std::string hash;            // 32 bytes: the newest row's
    int64_t first_sequence = 1;  // of the oldest row kept
    std::string anchor;          // 32 bytes: previous_hash of that row
    std::string mac;             // 32 bytes, or "" where the chain has no key yet
};

/// The chain's key, and what this process has seen of the chain.
class Chain {
public:
    explicit Chain(Secret key);  // 32 bytes

    const std::string &key_id() const noexcept { return key_id_; }  // 16 hexadecimal digits
    std::string row_mac(const StoredEvent &row) const;              // 32 bytes
    std::string head_mac(const Head &head) const;                   // 32 bytes
    bool is_own(const Head &head) const;                            // does its mac fit?

    /// Remembers that the chain is this long; false if it was longer before: an old head was put back. Called
    /// with the head locked, and with what was committed only.
    bool witness(int64_t sequence) noexcept;
    int64_t longest_seen() const noexcept { return longest_seen_.load(); }

private:
    Secret key_;
    std::string key_id_;
    std::atomic<int64_t> longest_seen_{0};
};

}  // namespace nexus::control::audit
