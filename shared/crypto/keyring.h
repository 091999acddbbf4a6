// A keyring: one current key that seals, older keys that still open. Keys are known by an 8-byte id, which is
// all that logs may name.
//
// Box: version 0x01 | key id 8 | nonce 24 | ciphertext | tag 16. The version byte, key id and the caller's
// associated data are authenticated.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/crypto/xaes256gcm.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::crypto {

using KeyId = std::array<unsigned char, 8>;  // first 8 bytes of HMAC-SHA-256(key, "nexus key id v1")

std::string to_hex(const KeyId &id);
/// Hexadecimal id of the key that sealed this box; "" for bytes that are no box. Reads the clear header only.
std::string box_key_id(std::string_view box);

class Keyring {
public:
    struct Entry {
        KeyId id;
        XaesKey key;
    };

    /// What an operator gave, and where: errors say "NAME must be ...", never what it holds.
    struct Text {
        std::string_view name;  // e.g. ENCRYPTION_KEY
        const Secret &keys;
    };

    /// current   base64 of exactly 32 bytes (surrounding white space is forgiven: files end in a newline)
    /// previous  separated by commas or white space, same form, at most 16; may be empty
    /// errors    kInvalidKey (also: the same key twice), with a message that says how to make one (`openssl
    /// rand -base64 32`)
    static Result<Keyring> from_base64(const Text &current, const Text &previous);
    static Result<Keyring> from_base64(const Text &current);

    Result<std::string> seal(std::string_view plaintext, std::string_view ad) const;
    /// errors kUnknownKey, kSealBroken
    Result<Secret> open(std::string_view box, std::string_view ad) const;

    const Entry &current() const { return entries_.front(); }
    const Entry *find(const KeyId &id) const noexcept;  // nullptr if unknown
    std::span<const Entry> entries() const { return entries_; }

private:
    explicit Keyring(std::vector<Entry> entries) : entries_(std::move(entries)) {}
    std::vector<Entry> entries_;  // current first
};

/// Reads a secret: `file:PATH` (a regular file of at most 64 KiB), `env:NAME`. Line ends behind it are
/// dropped. errors kInvalidKey: unreadable or empty; names the reference, never the content
Result<Secret> read_secret_reference(std::string_view reference);

}  // namespace nexus::crypto
