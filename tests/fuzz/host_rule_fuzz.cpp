// Host rules against hosts, split by NUL; networks and host:port texts on the way. A wildcard must never
// cover a host that does not end in its suffix.
#include <string>

#include "shared/encoding/hex.h"
#include "shared/net/host_rule.h"
#include "tests/fuzz/fuzz.h"

namespace nexus {
namespace {

using fuzz::require;

void match(std::string_view rule, std::string_view host, uint16_t port) {
    if (!net::host_rule_matches(rule, host, port)) {
        return;
    }
    if (rule.starts_with("*.")) {
        std::string suffix = encoding::to_lower_ascii(rule.substr(1, rule.find(':') - 1));
        std::string name = encoding::to_lower_ascii(host);
        if (suffix.ends_with('.')) {
            suffix.pop_back();
        }
        if (name.ends_with('.')) {
            name.pop_back();
        }
        require(name.size() > suffix.size() && name.ends_with(suffix));
    }
    require(host.find_first_of("/@?# \\%") == std::string_view::npos);
}

void parse(std::string_view text) {
    if (const auto host = net::parse_host_port(text)) {
        const bool v6 = host->host.find(':') != std::string::npos;
        const std::string again = (v6 ? "[" + host->host + "]" : host->host) +
                                  (host->port == 0 ? "" : ":" + std::to_string(host->port));
        const auto second = net::parse_host_port(again);
        require(second && second->host == host->host && second->port == host->port);
        require(net::host_rule_matches(again, host->host, host->port == 0 ? 443 : host->port));
    }
    (void)net::parse_cidr_list(text);
}

}  // namespace
}  // namespace nexus

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string_view rest = nexus::fuzz::as_text(data, size);
    const std::string_view rule = nexus::fuzz::take_part(rest);
    nexus::match(rule, rest, static_cast<uint16_t>(size * 7));
    nexus::match(rule, rest, 443);
    nexus::parse(rule);
    nexus::parse(rest);
    return 0;
}
