// The clear header and the seal around a record's payload. What the payload means is token_record's and
// caller_record's and issuer_record's
// business.
#include "shared/record/envelope.h"

#include <openssl/crypto.h>
#include <cstring>
#include <optional>
#include <utility>

#include "shared/connection/state.h"
#include "shared/crypto/random.h"
#include "shared/record/caller_record.h"
#include "shared/record/issuer_record.h"
#include "shared/redis/keys.h"

namespace nexus::record {

namespace {

constexpr size_t kMagicBytes = 4;
constexpr std::array<std::pair<Kind, std::string_view>, 3> kMagics{{
    {Kind::kToken, "NXTR"},
    {Kind::kCaller, "NXCR"},
    {Kind::kIssuer, "NXIR"},
}};
constexpr size_t kMagicAt = 0, kVersionAt = 4, kStateAt = 5, kReservedAt = 6, kKeyIdAt = 8,
                 kGenerationAt = 16, kExpiresAtAt = 24, kNonceAt = 32;
constexpr size_t kMaxRedisKeyBytes = 256;

static_assert(kNonceAt + crypto::kXaesNonceBytes == kHeaderBytes);

void put_u64(char *out, uint64_t value) {
    for (int i = 0; i < 8; ++i) {
        out[i] = static_cast<char>(value >> (8 * i) & 0xff);
    }
}

uint64_t get_u64(const char *in) {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
        value |= uint64_t{static_cast<unsigned char>(in[i])} << (8 * i);
    }
    return value;
}

bool is_state(Kind kind, uint8_t state) {
    switch (kind) {
        case Kind::kToken:
            return connection::to_state(state).has_value();
        case Kind::kCaller:
            return state == static_cast<uint8_t>(CallerState::kActive) ||
                   state == static_cast<uint8_t>(CallerState::kRevoked);
        case Kind::kIssuer:
            return state == static_cast<uint8_t>(IssuerState::kTrusted) ||
                   state == static_cast<uint8_t>(IssuerState::kRemoved);
    }
    return false;
}

std::string_view magic_of(Kind kind) {
    return kMagics[static_cast<size_t>(kind) - 1].second;
}

std::optional<Kind> kind_of(std::string_view magic) {
    for (const auto &[kind, known] : kMagics) {
        if (known == magic) {
            return kind;
        }
    }
    return std::nullopt;
}

/// Generations and times fit signed 64 bits, as in the database and in JSON.
bool is_in_range(const Header &header) {
    return header.generation <= INT64_MAX && header.expires_at >= 0 && is_state(header.kind, header.state);
}

std::array<char, kHeaderBytes> serialise(const Header &header) {
    std::array<char, kHeaderBytes> bytes{};
    std::memcpy(bytes.data() + kMagicAt, magic_of(header.kind).data(), kMagicBytes);
    bytes[kVersionAt] = static_cast<char>(kVersion);
    bytes[kStateAt] = static_cast<char>(header.state);
    std::memcpy(bytes.data() + kKeyIdAt, header.key_id.data(), header.key_id.size());
    put_u64(bytes.data() + kGenerationAt, header.generation);
    put_u64(bytes.data() + kExpiresAtAt, static_cast<uint64_t>(header.expires_at));
    std::memcpy(bytes.data() + kNonceAt, header.nonce.data(), header.nonce.size());
    return bytes;
}

/// Header and Redis key, side by side on the stack. The header's length is fixed, so the pair is unambiguous.
class AssociatedData {
public:
    AssociatedData(std::string_view header, std::string_view redis_key)
        : size_(header.size() + redis_key.size()) {
        std::memcpy(bytes_.data(), header.data(), header.size());
        std::memcpy(bytes_.data() + header.size(), redis_key.data(), redis_key.size());
    }
    std::string_view view() const { return {bytes_.data(), size_}; }

private:
    std::array<char, kHeaderBytes + kMaxRedisKeyBytes> bytes_;
    size_t size_;
};

[[gnu::cold]] tl::unexpected<Error> malformed(std::string message) {
    return fail(Errc::kMalformedRecord, std::move(message));
}

}  // namespace

std::string redis_key(Kind kind, std::string_view id) {
    switch (kind) {
        case Kind::kToken:
            return redis::token_key(id);
        case Kind::kCaller:
            return redis::caller_key(id);
        case Kind::kIssuer:
            break;
    }
    return redis::issuer_key(id);
}

Result<Header> parse_header(std::string_view sealed) {
    if (sealed.size() < kOverheadBytes || sealed.size() > kMaxRecordBytes) {
        return malformed("a sealed record has 72 to 32768 bytes");
    }
    const std::optional<Kind> kind = kind_of(sealed.substr(kMagicAt, kMagicBytes));
    if (!kind) {
        return malformed("these bytes are no sealed record");
    }
    if (static_cast<uint8_t>(sealed[kVersionAt]) != kVersion) {
        return malformed("a sealed record of another version");
    }
    if (sealed[kReservedAt] != 0 || sealed[kReservedAt + 1] != 0) {
        return malformed("reserved bits of a sealed record are set");
    }

    Header header{};
    header.kind = *kind;
    header.state = static_cast<uint8_t>(sealed[kStateAt]);
    std::memcpy(header.key_id.data(), sealed.data() + kKeyIdAt, header.key_id.size());
    header.generation = get_u64(sealed.data() + kGenerationAt);
    header.expires_at = static_cast<UnixMs>(get_u64(sealed.data() + kExpiresAtAt));
    std::memcpy(header.nonce.data(), sealed.data() + kNonceAt, header.nonce.size());
    if (!is_in_range(header)) {
        return malformed("state, generation or expiry of a sealed record is out of range");
    }
    return header;
}

Result<std::string> seal(const crypto::Keyring &keyring, Header header, std::string_view redis_key,
                         std::string_view payload) {
    const std::string nonce = crypto::random_bytes(crypto::kXaesNonceBytes);
    std::memcpy(header.nonce.data(), nonce.data(), header.nonce.size());
    return seal_with_nonce(keyring, header, redis_key, payload);
}

Result<std::string> seal_with_nonce(const crypto::Keyring &keyring, Header header, std::string_view redis_key,
                                    std::string_view payload) {
    if (payload.size() > kMaxRecordBytes - kOverheadBytes) {
        return malformed("the record is larger than 32 KiB");
    }
    if (redis_key.size() > kMaxRedisKeyBytes || !is_in_range(header)) {
        return malformed("state, generation, expiry or key of a record is out of range");
    }

    header.key_id = keyring.current().id;
    const std::array<char, kHeaderBytes> head = serialise(header);
    std::string sealed{head.data(), head.size()};
    Result<std::string> box =
        keyring.current().key.seal(header.nonce, payload, AssociatedData{sealed, redis_key}.view());
    if (!box) {
        return box;
    }
    sealed.append(*box);
    return sealed;
}

Result<Secret> open(const crypto::Keyring &keyring, std::string_view redis_key, std::string_view sealed) {
    Result<Header> header = parse_header(sealed);
    if (!header) {
        return tl::unexpected(std::move(header).error());
    }

    Secret payload = Secret::zeroed(sealed.size() - kOverheadBytes);
    Result<size_t> size = open_into(keyring, *header, redis_key, sealed, {payload.data(), payload.size()});
    if (!size) {
        return tl::unexpected(std::move(size).error());
    }
    return payload;
}

Result<size_t> open_into(const crypto::Keyring &keyring, const Header &header, std::string_view redis_key,
                         std::string_view sealed, std::span<char> out) {
    if (redis_key.size() > kMaxRedisKeyBytes) {
        return malformed("the key of a record is longer than 256 bytes");
    }
    const crypto::Keyring::Entry *entry = keyring.find(header.key_id);
    if (entry == nullptr) {
        return fail(Errc::kUnknownKey, "sealed with a key that is not on the keyring",
                    crypto::to_hex(header.key_id));
    }
    const AssociatedData ad{sealed.substr(0, kHeaderBytes), redis_key};
    return entry->key.open_into(header.nonce, sealed.substr(kHeaderBytes), ad.view(), out);
}

}  // namespace nexus::record
