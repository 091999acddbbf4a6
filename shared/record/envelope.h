// The sealed record's clear header, shared by token, caller and issuer records: enough to decide on state and
// expiry without opening the box. Little-endian. The whole header and the Redis key are the associated data.
//
//   0  4  magic        "NXTR" token record, "NXCR" caller record, "NXIR" issuer record
//   4  1  version      1
//   5  1  state        connection::State, CallerState, or IssuerState
//   6  2  reserved     0
//   8  8  key id       which cache key sealed it
//  16  8  generation   only grows
//  24  8  expires_at   Unix ms of the usage credential; 0 = does not expire
//  32 24  nonce
//  56  n  ciphertext   FlatBuffers payload
//  +  16  tag
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "shared/clock.h"
#include "shared/crypto/keyring.h"
#include "shared/result.h"

namespace nexus::record {

inline constexpr size_t kHeaderBytes = 56;
inline constexpr size_t kOverheadBytes = kHeaderBytes + crypto::kXaesTagBytes;
inline constexpr size_t kMaxRecordBytes = 32'768;  // sealed; both sides refuse larger ones
inline constexpr uint8_t kVersion = 1;

enum class Kind : uint8_t { kToken = 1, kCaller = 2, kIssuer = 3 };

/// The Redis key of a record, and its name in the associated data.
/// id  connection id, or 64 hexadecimal digits
std::string redis_key(Kind kind, std::string_view id);

struct Header {
    Kind kind;
    uint8_t state;
    crypto::KeyId key_id;
    uint64_t generation;
    UnixMs expires_at;
    crypto::XaesNonce nonce;

    bool is_expired(UnixMs now) const { return expires_at != 0 && now >= expires_at; }
};

/// Reads the header of untrusted bytes: length, magic, version, reserved bits, a known state, generation and
/// expiry of at most 63 bits are checked; nothing is authenticated yet. errors kMalformedRecord
Result<Header> parse_header(std::string_view sealed);

/// Seals `payload` for `redis_key` (at most 256 bytes). header.key_id and nonce are filled in.
/// errors kMalformedRecord (too large, or a header that parse_header would refuse), kCryptoFailure
Result<std::string> seal(const crypto::Keyring &keyring, Header header, std::string_view redis_key,
                         std::string_view payload);
/// As seal, with header.nonce as it is. For golden vectors only: a nonce used twice gives the key stream
/// away.
Result<std::string> seal_with_nonce(const crypto::Keyring &keyring, Header header, std::string_view redis_key,
                                    std::string_view payload);
/// returns the payload. errors kMalformedRecord, kUnknownKey, kSealBroken (also: record of another key)
Result<Secret> open(const crypto::Keyring &keyring, std::string_view redis_key, std::string_view sealed);
/// As open, into `out` (at least sealed.size() - kOverheadBytes), for the edge. header: parse_header's, of
/// `sealed`. returns the payload's length.
Result<size_t> open_into(const crypto::Keyring &keyring, const Header &header, std::string_view redis_key,
                         std::string_view sealed, std::span<char> out);

}  // namespace nexus::record
