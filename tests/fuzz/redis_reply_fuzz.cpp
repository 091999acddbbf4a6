// What a Redis, a cluster's node or a Sentinel might send. Replies keep within their bounds however the bytes
// are cut, and servers that are taken from them can be connected to and logged.
#include "ngx_module/redis/address.h"
#include "shared/resp/announcement.h"
#include "shared/resp/error_reply.h"
#include "shared/resp/reader.h"
#include "shared/resp/slot.h"
#include "shared/resp/topology.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace nexus::resp;
using nexus::fuzz::require;

size_t count_elements(const redisReply &reply, int depth, int max_depth) {
    if (reply.type != REDIS_REPLY_ARRAY) {
        return 0;
    }
    require(depth <= max_depth);
    size_t count = reply.elements;
    for (size_t i = 0; i < reply.elements; ++i) {
        count += count_elements(*reply.element[i], depth + 1, max_depth);
    }
    return count;
}

void require_server(const HostPort &server, bool may_be_own) {
    require(server.port != 0);
    require(is_host(server.host) || (may_be_own && server.host.empty()));
    if (const auto address = nexus::edge::redis::make_address(server.host, server.port)) {
        require(address->size > 0 && parse_host_port(address->text.substr(address->text.rfind(':'))));
    }
}

void look_at(const redisReply &reply) {
    if (const auto ranges = parse_slots(reply)) {
        require(!ranges->empty() && ranges->size() <= kSlots);
        for (const SlotRange &range : *ranges) {
            require(range.first <= range.last && range.last < kSlots);
            require_server(range.master, true);
        }
    }
    if (const auto master = parse_master(reply)) {
        require_server(*master, false);
    }
    if (reply.str == nullptr) {
        return;
    }
    const std::string_view text(reply.str, reply.len);
    if (const auto redirect = parse_redirect(text)) {
        require(redirect->slot < kSlots);
        require_server(redirect->target, true);
    }
    if (const auto master = parse_switch(text, "nexus-master")) {
        require_server(*master, false);
    }
    const std::string_view word = first_word(text);
    require(!word.empty() && word.size() <= 32 && word.find_first_of("\r\n\x1b") == std::string_view::npos);
    require(kind_of_error(text) == kind_of_error(word));
    require(slot_of(text) < kSlots);
}

/// Reads all replies of `text`, fed in pieces of `piece` bytes. returns how many there were
size_t read_all(std::string_view text, size_t piece, const ReplyBounds &bounds) {
    ReplyReader reader(bounds);
    size_t replies = 0;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, piece);
        text.remove_prefix(part.size());
        if (!reader.feed(part.data(), part.size())) {
            return replies;
        }
        Reply reply;
        ReplyReader::Next next{};
        while ((next = reader.next(reply)) == ReplyReader::Next::kReply) {
            ++replies;
            require(count_elements(*reply, 1, bounds.depth) <= bounds.elements);
            look_at(*reply);
        }
        if (next == ReplyReader::Next::kBroken) {
            return replies;
        }
    }
    return replies;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const std::string_view text = nexus::fuzz::as_text(data, size);
    for (const ReplyBounds &bounds : {kFlatReplies, kTableReplies}) {
        require(read_all(text, size == 0 ? 1 : size, bounds) == read_all(text, 7, bounds));
    }
    return 0;
}
