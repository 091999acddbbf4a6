#include "shared/resp/topology.h"

#include <charconv>
#include <limits>
#include <utility>

namespace nexus::resp {
namespace {

std::optional<uint16_t> to_slot(const redisReply &reply) noexcept {
    if (reply.type != REDIS_REPLY_INTEGER || reply.integer < 0 || reply.integer >= kSlots) {
        return std::nullopt;
    }
    return static_cast<uint16_t>(reply.integer);
}

/// [host or nil, port, ...]
std::optional<HostPort> to_node(const redisReply &reply) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements < 2) {
        return std::nullopt;
    }
    const redisReply &host = *reply.element[0];
    const redisReply &port = *reply.element[1];
    const bool is_port = port.type == REDIS_REPLY_INTEGER && port.integer > 0 &&
                         port.integer <= std::numeric_limits<uint16_t>::max();
    const bool is_own = host.type == REDIS_REPLY_NIL || (host.type == REDIS_REPLY_STRING && host.len == 0);
    if (!is_port || (!is_own && !is_host(text_of(host)))) {
        return std::nullopt;
    }
    return HostPort{std::string(text_of(host)), static_cast<uint16_t>(port.integer)};
}

std::optional<SlotRange> to_range(const redisReply &reply) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements < 3) {
        return std::nullopt;
    }
    const auto first = to_slot(*reply.element[0]);
    const auto last = to_slot(*reply.element[1]);
    auto master = to_node(*reply.element[2]);
    if (!first || !last || *first > *last || !master) {
        return std::nullopt;
    }
    return SlotRange{*first, *last, std::move(*master)};
}

/// A master that goes by a name which the node that was asked does not know yet.
bool is_nameless(const redisReply &reply) noexcept {
    return reply.type == REDIS_REPLY_ARRAY && reply.elements >= 3 &&
           reply.element[2]->type == REDIS_REPLY_ARRAY && reply.element[2]->elements >= 2 &&
           text_of(*reply.element[2]->element[0]) == "?";
}

}  // namespace

std::optional<std::vector<SlotRange>> parse_slots(const redisReply &reply) {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements == 0 || reply.elements > kSlots) {
        return std::nullopt;
    }
    std::vector<SlotRange> ranges;
    ranges.reserve(reply.elements);
    for (size_t i = 0; i < reply.elements; ++i) {
        if (is_nameless(*reply.element[i])) {
            continue;
        }
        auto range = to_range(*reply.element[i]);
        if (!range) {
            return std::nullopt;
        }
        ranges.push_back(std::move(*range));
    }
    return ranges.empty() ? std::nullopt : std::optional(std::move(ranges));
}

std::optional<Redirect> parse_redirect(std::string_view error) {
    const size_t first = error.find(' ');
    const size_t second = first == std::string_view::npos ? first : error.find(' ', first + 1);
    if (second == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view number = error.substr(first + 1, second - first - 1);
    uint16_t slot = 0;
    const char *end = number.data() + number.size();
    const auto [at, problem] = std::from_chars(number.data(), end, slot);
    auto target = parse_host_port(error.substr(second + 1));
    if (problem != std::errc{} || at != end || slot >= kSlots || !target) {
        return std::nullopt;
    }
    return Redirect{slot, std::move(*target)};
}

}  // namespace nexus::resp
