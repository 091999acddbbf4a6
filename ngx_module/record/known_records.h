// What this worker has found out about the records that it opened last and that cannot change while their
// bytes do not: that the payload is well formed, and that it may go where it went. Verdicts only, no part of
// a record. Each request opens its record anew; what is known counts for the nonce that was authenticated
// with it, and a nonce stands for one payload (docs/decisions/0074).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "shared/crypto/xaes256gcm.h"

struct ngx_http_upstream_srv_conf_s;

namespace nexus::edge {

struct LocConf;

/// A destination that the configuration names: nothing of it comes from a request.
struct NamedDestination {
    const LocConf *conf = nullptr;  // whose rules count, beside the record's
    const ngx_http_upstream_srv_conf_s *upstream = nullptr;
    bool is_tls = false;

    bool operator==(const NamedDestination &) const = default;
};

/// What is known of one record, and of the destination that it went to last.
class KnownRecord {
public:
    KnownRecord() = default;
    explicit KnownRecord(const crypto::XaesNonce &nonce) : nonce_(nonce) {}

    const crypto::XaesNonce &nonce() const { return nonce_; }

    bool is_well_formed() const { return is_well_formed_; }
    void set_well_formed() { is_well_formed_ = true; }

    bool may_go_to(const NamedDestination &to) const { return host_line_size_ != 0 && to_ == to; }
    bool may_go_to(const NamedDestination &to, std::string_view host_line) const {
        return may_go_to(to) && host_line == std::string_view{host_line_.data(), host_line_size_};
    }
    /// host_line  that was sent; a longer one than there is room for is not remembered
    void set_may_go_to(const NamedDestination &to, std::string_view host_line);

private:
    crypto::XaesNonce nonce_{};
    bool is_well_formed_ = false;
    uint8_t host_line_size_ = 0;  // 0: went nowhere
    NamedDestination to_;
    std::array<char, 64> host_line_;
};

/// A table of fixed size; who comes last has the place.
class KnownRecords {
public:
    /// What is known of the record that has just been opened; for a new one, nothing. Good until the next
    /// call.
    KnownRecord &of(const crypto::XaesNonce &nonce) noexcept;

private:
    static constexpr size_t kPlaces =
        64;  // as many as the keys that shared/crypto/xaes256gcm.cpp has at hand
    std::array<KnownRecord, kPlaces> places_;
};

}  // namespace nexus::edge
