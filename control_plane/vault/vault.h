// The vault: seals one field of one database row with the vault keyring, bound to its place, so that a
// ciphertext moved to another row, field or table, or put back from an older version, is refused. Knows no
// SQL.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/crypto/keyring.h"
#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control {

/// Where a sealed field lives, and whose it is; all of it is authenticated.
struct Place {
    std::string_view table;
    std::string_view row_id;
    std::string_view field;
    int64_t version;              // of the field: grows with each write, kept beside the box
    std::string_view owner = {};  // what else the row must not lose: for a connection, workspace and provider
};

class Vault {
public:
    explicit Vault(std::shared_ptr<const crypto::Keyring> keyring) : keyring_(std::move(keyring)) {}

    /// returns the box, for a BYTEA/BLOB column. errors kCryptoFailure
    Result<std::string> seal(const Place &place, std::string_view plaintext) const;
    Result<std::string> seal(const Place &place, const Secret &plaintext) const {
        return seal(place, plaintext.view());
    }
    /// errors kUnknownKey, kSealBroken (damaged, moved, rolled back or forged)
    Result<Secret> open(const Place &place, std::string_view box) const;
    /// The same content for the same place, under the current key. errors as open; kCryptoFailure
    Result<std::string> reseal(const Place &place, std::string_view box) const;

    /// Hexadecimal ids, as beside the boxes in the database.
    std::string current_key_id() const { return crypto::to_hex(keyring_->current().id); }
    std::vector<std::string> key_ids() const;  // current first

private:
    std::shared_ptr<const crypto::Keyring> keyring_;
};

}  // namespace nexus::control
