// The associated data of a box: every part of its place, each with its length in front, so that no two places
// share it.
#include "control_plane/vault/vault.h"

namespace nexus::control {

namespace {

void append_number(std::string &bytes, uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>(number >> shift));
    }
}

std::string associated_data(const Place &place) {
    std::string bytes = "nexus vault v2";
    for (const std::string_view part : {place.table, place.row_id, place.field, place.owner}) {
        append_number(bytes, part.size());
        bytes.append(part);
    }
    append_number(bytes, static_cast<uint64_t>(place.version));
    return bytes;
}

}  // namespace

Result<std::string> Vault::seal(const Place &place, std::string_view plaintext) const {
    return keyring_->seal(plaintext, associated_data(place));
}

Result<Secret> Vault::open(const Place &place, std::string_view box) const {
    return keyring_->open(box, associated_data(place));
}

Result<std::string> Vault::reseal(const Place &place, std::string_view box) const {
    Result<Secret> content = open(place, box);
    return content ? seal(place, *content) : fail(content.error());
}

std::vector<std::string> Vault::key_ids() const {
    std::vector<std::string> ids;
    for (const crypto::Keyring::Entry &entry : keyring_->entries()) {
        ids.push_back(crypto::to_hex(entry.id));
    }
    return ids;
}

}  // namespace nexus::control
