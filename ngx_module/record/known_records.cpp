// Remembering verdicts about records.
#include "ngx_module/record/known_records.h"

#include <algorithm>

namespace nexus::edge {

void KnownRecord::set_may_go_to(const NamedDestination &to, std::string_view host_line) {
    if (host_line.size() > host_line_.size()) {
        return;
    }
    to_ = to;
    std::ranges::copy(host_line, host_line_.begin());
    host_line_size_ = static_cast<uint8_t>(host_line.size());
}

KnownRecord &KnownRecords::of(const crypto::XaesNonce &nonce) noexcept {
    KnownRecord &known = places_[nonce[0] % kPlaces];  // nonces are random
    if (known.nonce() != nonce) {
        known = KnownRecord{nonce};
    }
    return known;
}

}  // namespace nexus::edge
