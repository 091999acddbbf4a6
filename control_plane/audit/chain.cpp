// The audit chain's arithmetic: see chain.h. Inputs of hashes never change for rows that exist.
#include "control_plane/audit/chain.h"

#include "shared/crypto/digest.h"
#include "shared/encoding/hex.h"

namespace nexus::control::audit {

namespace {

void append_number(std::string &bytes, int64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>(static_cast<uint64_t>(number) >> shift));
    }
}

}  // namespace

Chain::Chain(Secret key) : key_(std::move(key)) {
    const crypto::Sha256 id = crypto::hmac_sha256(key_.view(), "nexus audit key id v1");
    key_id_ = encoding::hex_encode(crypto::as_view(id).substr(0, 8));
}

std::string Chain::row_mac(const StoredEvent &row) const {
    return std::string(crypto::as_view(crypto::hmac_sha256(key_.view(), chain_input("nexus audit v2", row))));
}

std::string Chain::head_mac(const Head &head) const {
    std::string bytes = "nexus audit head v1";
    append_number(bytes, head.sequence);
    append_number(bytes, head.first_sequence);
    bytes.append(head.hash).append(head.anchor);  // 32 bytes each
    return std::string(crypto::as_view(crypto::hmac_sha256(key_.view(), bytes)));
}

bool Chain::is_own(const Head &head) const {
    return constant_time_equal(head.mac, head_mac(head));
}

bool Chain::witness(int64_t sequence) noexcept {
    return longest_seen_.exchange(sequence) <= sequence;
}

}  // namespace nexus::control::audit
