#include "ngx_module/redis/host_port.h"

#include <algorithm>

#include "ngx_module/redis/address.h"

namespace nexus::edge::redis {

bool is_host(std::string_view text) noexcept {
    constexpr size_t kLongest = 253;
    return !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_' || c == ':';
    });
}

std::optional<HostPort> parse_host_port(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view host = text.substr(0, colon);
    const auto port = parse_port(text.substr(colon + 1));
    if (!port || (!host.empty() && !is_host(host))) {
        return std::nullopt;
    }
    return HostPort{std::string(host), *port};
}

std::string_view text_of(const redisReply &reply) noexcept {
    return reply.type == REDIS_REPLY_STRING ? std::string_view(reply.str, reply.len) : std::string_view();
}

}  // namespace nexus::edge::redis
