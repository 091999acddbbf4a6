#include "ngx_module/redis/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace nexus::edge::redis {

std::optional<Address> make_address(std::string_view ip, uint16_t port) {
    if (port == 0) {
        return std::nullopt;
    }
    Address address;
    address.host = ip;  // inet_pton wants a zero behind it
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&address.sockaddr, &v4, sizeof v4);
        address.size = sizeof v4;
        address.text = address.host + ":" + std::to_string(port);
    } else if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&address.sockaddr, &v6, sizeof v6);
        address.size = sizeof v6;
        address.text = "[" + address.host + "]:" + std::to_string(port);
    } else {
        return std::nullopt;
    }
    return address;
}

}  // namespace nexus::edge::redis
