#include "shared/resp/announcement.h"

#include <array>

namespace nexus::resp {
namespace {

std::optional<HostPort> make_host_port(std::string_view host, std::string_view port_text) {
    const auto port = parse_port(port_text);
    if (!port || !is_host(host)) {
        return std::nullopt;
    }
    return HostPort{std::string(host), *port};
}

}  // namespace

std::optional<HostPort> parse_master(const redisReply &reply) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 2) {
        return std::nullopt;
    }
    return make_host_port(text_of(*reply.element[0]), text_of(*reply.element[1]));
}

bool is_role(const redisReply &reply, std::string_view role) noexcept {
    return reply.type == REDIS_REPLY_ARRAY && reply.elements > 0 && text_of(*reply.element[0]) == role;
}

std::optional<HostPort> parse_switch(std::string_view message, std::string_view master_name) {
    std::array<std::string_view, 5> words;
    size_t count = 0;
    while (!message.empty() && count < words.size()) {
        const size_t end = message.find(' ');
        words[count++] = message.substr(0, end);
        message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    }
    if (count != words.size() || !message.empty() || words[0] != master_name) {
        return std::nullopt;
    }
    return make_host_port(words[3], words[4]);
}

}  // namespace nexus::resp
