// Keyrings are made once, at start or reload; whatever is wrong with a key stops that with one sentence,
// which names the setting and never shows what it holds.
#include "shared/crypto/keyring.h"

#include <algorithm>
#include <cstring>

#include "shared/crypto/digest.h"
#include "shared/crypto/random.h"
#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"

namespace nexus::crypto {

namespace {

constexpr char kBoxVersion = 1;
constexpr size_t kBoxHeaderBytes = 1 + sizeof(KeyId);
constexpr size_t kBoxOverheadBytes = kBoxHeaderBytes + kXaesNonceBytes + kXaesTagBytes;
constexpr size_t kMaxPreviousKeys = 16;
constexpr std::string_view kWhiteSpace = " \t\r\n";
constexpr std::string_view kSeparators = ", \t\r\n";

std::string_view trim(std::string_view text) {
    const size_t first = text.find_first_not_of(kWhiteSpace);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

KeyId key_id(const Secret &key) {
    const Sha256 mac = hmac_sha256(key.view(), "nexus key id v1");
    KeyId id;
    std::copy_n(mac.begin(), id.size(), id.begin());
    return id;
}

tl::unexpected<Error> invalid_key(std::string_view name, std::string_view found) {
    std::string message{name};
    message.append(" must be base64 of exactly 32 bytes (").append(found);
    message.append("); make one with: openssl rand -base64 32");
    return fail(Errc::kInvalidKey, std::move(message));
}

Result<Keyring::Entry> parse_key(std::string_view name, std::string_view text) {
    if (text.empty()) {
        return invalid_key(name, "it is empty");
    }
    Result<std::string> decoded = encoding::base64_decode(text);
    if (!decoded) {
        return invalid_key(name, "got something that is not base64");
    }
    const Secret key{std::move(*decoded)};
    if (key.size() != kXaesKeyBytes) {
        return invalid_key(name, "got " + std::to_string(key.size()));
    }

    Result<XaesKey> xaes = XaesKey::create(key);
    if (!xaes) {
        return tl::unexpected(std::move(xaes).error());
    }
    return Keyring::Entry{key_id(key), std::move(*xaes)};
}

/// What the seal authenticates: the box's own version and key id, then the caller's associated data.
std::string associated_data(std::string_view box_header, std::string_view ad) {
    std::string bytes;
    bytes.reserve(box_header.size() + ad.size());
    bytes.append(box_header).append(ad);
    return bytes;
}

}  // namespace

std::string to_hex(const KeyId &id) {
    return encoding::hex_encode({reinterpret_cast<const char *>(id.data()), id.size()});
}

std::string box_key_id(std::string_view box) {
    if (box.size() < kBoxOverheadBytes || box.front() != kBoxVersion) {
        return {};
    }
    return encoding::hex_encode(box.substr(1, sizeof(KeyId)));
}

Result<Keyring> Keyring::from_base64(const Text &current) {
    return from_base64(current, {"", Secret{}});
}

Result<Keyring> Keyring::from_base64(const Text &current, const Text &previous) {
    std::vector<Entry> entries;
    Result<Entry> first = parse_key(current.name, trim(current.keys.view()));
    if (!first) {
        return tl::unexpected(std::move(first).error());
    }
    entries.push_back(std::move(*first));

    std::string_view rest = previous.keys.view();
    while (true) {
        rest.remove_prefix(std::min(rest.find_first_not_of(kSeparators), rest.size()));
        if (rest.empty()) {
            return Keyring{std::move(entries)};
        }
        if (entries.size() > kMaxPreviousKeys) {
            return fail(Errc::kInvalidKey, std::string{previous.name} + " has more than 16 keys");
        }

        const std::string_view text = rest.substr(0, rest.find_first_of(kSeparators));
        rest.remove_prefix(text.size());
        const std::string which =
            std::string{previous.name} + " (key " + std::to_string(entries.size()) + ")";
        Result<Entry> entry = parse_key(which, text);
        if (!entry) {
            return tl::unexpected(std::move(entry).error());
        }
        if (std::ranges::any_of(entries, [&](const Entry &known) { return known.id == entry->id; })) {
            return fail(Errc::kInvalidKey, which + " is given twice (key id " + to_hex(entry->id) + ")");
        }
        entries.push_back(std::move(*entry));
    }
}

const Keyring::Entry *Keyring::find(const KeyId &id) const noexcept {
    for (const Entry &entry : entries_) {
        if (entry.id == id) {
            return &entry;
        }
    }
    return nullptr;
}

Result<std::string> Keyring::seal(std::string_view plaintext, std::string_view ad) const {
    std::string box(1, kBoxVersion);
    box.append(reinterpret_cast<const char *>(current().id.data()), current().id.size());

    const std::string nonce_bytes = random_bytes(kXaesNonceBytes);
    XaesNonce nonce;
    std::memcpy(nonce.data(), nonce_bytes.data(), nonce.size());
    Result<std::string> sealed = current().key.seal(nonce, plaintext, associated_data(box, ad));
    if (!sealed) {
        return sealed;
    }
    box.append(nonce_bytes).append(*sealed);
    return box;
}

Result<Secret> Keyring::open(std::string_view box, std::string_view ad) const {
    if (box.size() < kBoxOverheadBytes || box.front() != kBoxVersion) {
        return fail(Errc::kSealBroken, "these bytes are no sealed box");
    }

    KeyId id;
    std::memcpy(id.data(), box.data() + 1, id.size());
    const Entry *entry = find(id);
    if (entry == nullptr) {
        return fail(Errc::kUnknownKey, "sealed with a key that is not on the keyring", to_hex(id));
    }

    XaesNonce nonce;
    std::memcpy(nonce.data(), box.data() + kBoxHeaderBytes, nonce.size());
    return entry->key.open(nonce, box.substr(kBoxHeaderBytes + kXaesNonceBytes),
                           associated_data(box.substr(0, kBoxHeaderBytes), ad));
}

}  // namespace nexus::crypto
