// The special-purpose registries of IANA (RFC 6890 and its updates), as a deny list. Networks that carry an
// IPv4 address inside are judged by that address; everything that is not IPv4 or IPv6 counts as private.
#include <netinet/in.h>
#include <algorithm>
#include <array>
#include <cstring>

#include "shared/net/host_rule.h"

namespace nexus::net {

namespace {

struct V4Network {
    uint32_t address;
    int prefix;
};

constexpr uint32_t v4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array kPrivateV4 = {
    V4Network{v4(0, 0, 0, 0), 8},        // this network; 0.0.0.0 reaches the host itself
    V4Network{v4(10, 0, 0, 0), 8},       // private use
    V4Network{v4(100, 64, 0, 0), 10},    // shared address space, CGNAT (RFC 6598)
    V4Network{v4(127, 0, 0, 0), 8},      // loopback
    V4Network{v4(169, 254, 0, 0), 16},   // link-local, cloud metadata
    V4Network{v4(172, 16, 0, 0), 12},    // private use
    V4Network{v4(192, 0, 0, 0), 24},     // IETF protocol assignments
    V4Network{v4(192, 0, 2, 0), 24},     // documentation
    V4Network{v4(192, 88, 99, 0), 24},   // 6to4 relays, withdrawn
    V4Network{v4(192, 168, 0, 0), 16},   // private use
    V4Network{v4(198, 18, 0, 0), 15},    // benchmarking
    V4Network{v4(198, 51, 100, 0), 24},  // documentation
    V4Network{v4(203, 0, 113, 0), 24},   // documentation
    V4Network{v4(224, 0, 0, 0), 4},      // multicast
    V4Network{v4(240, 0, 0, 0), 4},      // reserved, broadcast
};

struct V6Network {
    uint64_t high;  // the first 64 bits
    int prefix;     // at most 64
};

// Only 2000::/3 is global unicast (RFC 4291 section 2.4): whatever lies outside is private without being
// listed, ::/8, fc00::/7, fe80::/10, ff00::/8 and what nobody has assigned yet. These lie inside.
constexpr V6Network kGlobalUnicast{0x2000'0000'0000'0000, 3};
constexpr std::array kPrivateV6 = {
    V6Network{0x2001'0000'0000'0000, 23},  // IETF protocol assignments: Teredo, ORCHID, benchmarking
    V6Network{0x2001'0db8'0000'0000, 32},  // documentation
    V6Network{0x3fff'0000'0000'0000, 20},  // documentation (RFC 9637)
};

constexpr unsigned char kNat64[12] = {0x00, 0x64, 0xff, 0x9b};  // 64:ff9b::/96 (RFC 6052)

uint64_t big_endian(const unsigned char *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; ++i) {
        value = value << 8 | bytes[i];
    }
    return value;
}

bool is_private_v4(const unsigned char *bytes) {
    const auto address = static_cast<uint32_t>(big_endian(bytes, 4));
    for (const V4Network &network : kPrivateV4) {
        if ((address ^ network.address) >> (32 - network.prefix) == 0) {
            return true;
        }
    }
    return false;
}

bool is_private_v6(const in6_addr &address) {
    const unsigned char *bytes = address.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        return is_private_v4(bytes + 12);
    }
    if (std::memcmp(bytes, kNat64, sizeof(kNat64)) == 0) {
        return is_private_v4(bytes + 12);
    }
    if (bytes[0] == 0x20 && bytes[1] == 0x02) {  // 6to4 (RFC 3056): the IPv4 address follows the prefix
        return is_private_v4(bytes + 2);
    }

    const uint64_t high = big_endian(bytes, 8);
    const auto lies_in = [high](const V6Network &network) {
        return (high ^ network.high) >> (64 - network.prefix) == 0;
    };
    return !lies_in(kGlobalUnicast) || std::ranges::any_of(kPrivateV6, lies_in);
}

}  // namespace

bool is_private_address(const sockaddr *address) noexcept {
    if (address != nullptr && address->sa_family == AF_INET) {
        const auto *v4_address = reinterpret_cast<const sockaddr_in *>(address);
        return is_private_v4(reinterpret_cast<const unsigned char *>(&v4_address->sin_addr));
    }
    if (address != nullptr && address->sa_family == AF_INET6) {
        return is_private_v6(reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr);
    }
    return true;
}

}  // namespace nexus::net
