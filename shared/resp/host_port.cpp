#include "shared/resp/host_port.h"

#include <algorithm>
#include <charconv>

namespace nexus::resp {

bool is_host(std::string_view text) noexcept {
    constexpr size_t kLongest = 253;
    return !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_' || c == ':';
    });
}

std::optional<uint16_t> parse_port(std::string_view text) noexcept {
    uint16_t port = 0;
    const char *end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc{} || at != end || port == 0) {
        return std::nullopt;
    }
    return port;
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

std::string_view error_of(const redisReply &reply) noexcept {
    return reply.type == REDIS_REPLY_ERROR ? std::string_view(reply.str, reply.len) : std::string_view();
}

}  // namespace nexus::resp
