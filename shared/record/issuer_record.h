// The issuer record: whose JWTs callers may present, and the keys that verify them; sealed like a token
// record, found under caller::issuer_sha256 of the issuer. Public keys only: the seal keeps others from
// adding theirs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/record/envelope.h"

namespace nexus::record {

enum class IssuerState : uint8_t { kTrusted = 1, kRemoved = 2 };

inline constexpr size_t kMaxJwksBytes = 24 * 1024;  // so that the record stays below kMaxRecordBytes

struct IssuerRecord {
    std::string issuer;
    std::string workspace_id;  // whose agents its tokens may name; "" = any
    IssuerState state = IssuerState::kTrusted;
    uint64_t generation = 0;
    std::vector<std::string> audiences;
    std::vector<std::string> algorithms;
    std::string jwks;  // a JWK Set
    uint32_t leeway_s = 0;
    uint32_t max_age_s = 0;  // 0 = as long as exp says
};

/// The header that goes with the record; key id and nonce are left for `seal`.
Header header_of(const IssuerRecord &record);
/// The FlatBuffers payload.
Result<Secret> encode_issuer(const IssuerRecord &record);
/// Payload and header, sealed for the Redis key of the issuer's digest.
/// errors kMalformedRecord (too large, or out of range), kCryptoFailure
Result<std::string> seal_issuer(const crypto::Keyring &keyring, const IssuerRecord &record);
/// Verifies the FlatBuffer, that the digest is the issuer's, and that state and generation agree with
/// `header`. errors kMalformedRecord
Result<IssuerRecord> parse_issuer(const Header &header, std::string_view payload);

}  // namespace nexus::record
