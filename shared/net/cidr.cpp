// Networks in CIDR form (RFC 4632 section 3.1, RFC 4291 section 2.3).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <algorithm>
#include <cstring>

#include "shared/net/host_rule.h"

namespace nexus::net {

namespace {

constexpr size_t kMaxEntries = 1024;
constexpr std::string_view kSeparators = ", \t\r\n";

tl::unexpected<Error> not_a_network(std::string_view text) {
    return fail(Errc::kInvalidRequest, "not an address or network in CIDR form",
                std::string{text.substr(0, 64)});
}

/// -1 if it is no number of 0..max.
int parse_prefix(std::string_view text, int max) {
    if (text.empty() || text.size() > 3 || text.find_first_not_of("0123456789") != std::string_view::npos) {
        return -1;
    }
    int prefix = 0;
    for (const char c : text) {
        prefix = prefix * 10 + (c - '0');
    }
    return prefix <= max ? prefix : -1;
}

bool same_prefix(const unsigned char *a, const unsigned char *b, int bits) {
    const auto whole = static_cast<size_t>(bits / 8);
    if (std::memcmp(a, b, whole) != 0) {
        return false;
    }
    const int rest = bits % 8;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

Result<Cidr> Cidr::parse(std::string_view text) {
    const size_t slash = text.find('/');
    const std::string address{text.substr(0, slash)};
    Cidr cidr;
    in6_addr v6;
    if (address.find('\0') != std::string::npos) {
        return not_a_network(text);
    }
    if (inet_pton(AF_INET, address.c_str(), cidr.bytes_) == 1) {
        cidr.family_ = AF_INET;
    } else if (inet_pton(AF_INET6, address.c_str(), &v6) == 1) {
        cidr.family_ = AF_INET6;
        std::memcpy(cidr.bytes_, &v6, sizeof(v6));
    } else {
        return not_a_network(text);
    }

    const int bits = cidr.family_ == AF_INET ? 32 : 128;
    cidr.prefix_ = slash == std::string_view::npos ? bits : parse_prefix(text.substr(slash + 1), bits);
    if (cidr.prefix_ < 0) {
        return not_a_network(text);
    }
    if (cidr.family_ == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6) && cidr.prefix_ >= 96) {
        cidr.family_ = AF_INET;  // because addresses are compared in that form
        cidr.prefix_ -= 96;
        std::memmove(cidr.bytes_, cidr.bytes_ + 12, 4);
    }
    return cidr;
}

bool Cidr::has_host_bits() const noexcept {
    const int bits = family_ == AF_INET ? 32 : 128;
    for (int bit = prefix_; bit < bits; ++bit) {
        if ((bytes_[bit / 8] & (0x80 >> (bit % 8))) != 0) {
            return true;
        }
    }
    return false;
}

bool Cidr::contains(const sockaddr *address) const noexcept {
    if (address == nullptr) {
        return false;
    }
    if (address->sa_family == AF_INET) {
        const auto *v4 = reinterpret_cast<const sockaddr_in *>(address);
        return family_ == AF_INET &&
               same_prefix(bytes_, reinterpret_cast<const unsigned char *>(&v4->sin_addr), prefix_);
    }
    if (address->sa_family != AF_INET6) {
        return false;
    }
    const auto &v6 = reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        return family_ == AF_INET && same_prefix(bytes_, v6.s6_addr + 12, prefix_);
    }
    return family_ == AF_INET6 && same_prefix(bytes_, v6.s6_addr, prefix_);
}

Result<std::vector<Cidr>> parse_cidr_list(std::string_view text) {
    std::vector<Cidr> list;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(kSeparators), text.size()));
        if (text.empty()) {
            return list;
        }
        if (list.size() == kMaxEntries) {
            return fail(Errc::kInvalidRequest, "more than 1024 networks in one list");
        }
        const std::string_view entry = text.substr(0, text.find_first_of(kSeparators));
        text.remove_prefix(entry.size());
        Result<Cidr> cidr = Cidr::parse(entry);
        if (!cidr) {
            return tl::unexpected(std::move(cidr).error());
        }
        list.push_back(*cidr);
    }
}

}  // namespace nexus::net
