// URLs as profiles, discovery documents and return addresses name them, and addresses as DNS does. What is
// taken as a URL reads back the same; no host is an IPv4 address in disguise; what the guard lets through is
// public.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <cstdio>
#include <string>

#include "control_plane/http/egress_guard.h"
#include "control_plane/url/url.h"
#include "shared/net/ip_literal.h"
#include "tests/fuzz/fuzz.h"

namespace nexus::control {
namespace {

using fuzz::require;

bool is_private(const std::string &literal) {
    const auto parsed = net::IpLiteral::parse(literal);
    require(parsed.has_value());
    return net::is_private_address(parsed->address());
}

void parse(std::string_view text) {
    const Result<Url> url = parse_http_url(text, "url");
    if (!url) {
        require(url.error().message.starts_with("url ") && url.error().detail == "url");
        return;
    }
    require(url->scheme == "http" || url->scheme == "https");
    require(!url->host.empty() && url->port != 0);
    require(url->host.find_first_of("/@?#\\%[] ") == std::string::npos);
    in_addr loose;
    if (inet_aton(url->host.c_str(), &loose) == 1) {  // takes 127.1, 0x7f.1 and so on
        in_addr strict;
        require(inet_pton(AF_INET, url->host.c_str(), &strict) == 1 && strict.s_addr == loose.s_addr);
    }

    const bool is_v6 = url->host.find(':') != std::string::npos;
    const std::string again = url->scheme + "://" + (is_v6 ? "[" + url->host + "]" : url->host) + ":" +
                              std::to_string(url->port) + "/";
    const Result<Url> second = parse_http_url(again, "url");
    require(second && second->scheme == url->scheme && second->host == url->host &&
            second->port == url->port);

    if (EgressGuard({}).check_url(text, "url")) {
        require(url->scheme == "https" && text.find('#') == std::string_view::npos);
        require(!net::IpLiteral::parse(url->host) || !is_private(url->host));
    }
}

/// The same IPv4 address in each form that carries one is judged the same.
void classify(const uint8_t *bytes) {
    char v4[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, bytes, v4, sizeof(v4));
    const bool expected = is_private(v4);
    const std::string dotted{v4};
    require(is_private("::ffff:" + dotted) == expected);
    require(is_private("64:ff9b::" + dotted) == expected);
    require(is_private("::" + dotted) && is_private("64:ff9b:1::" + dotted) &&
            is_private("::ffff:0:" + dotted));
    char six_to_four[64];
    std::snprintf(six_to_four, sizeof(six_to_four), "2002:%02x%02x:%02x%02x::1", bytes[0], bytes[1], bytes[2],
                  bytes[3]);
    require(is_private(six_to_four) == expected);
    require(net::Cidr::parse(v4)->contains(net::IpLiteral::parse("::ffff:" + dotted)->address()));
}

}  // namespace
}  // namespace nexus::control

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    nexus::control::parse(nexus::fuzz::as_text(data, size));
    nexus::control::parse("https://" + std::string{nexus::fuzz::as_text(data, size)} + "/");
    if (size >= 4) {
        nexus::control::classify(data);
    }
    return 0;
}
