// hiredis' protocol reader with bounds: it would believe any length that the server announces.
#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <memory>

namespace nexus::edge::redis {

inline constexpr size_t kMaxUnparsed = size_t{4} * 1024 * 1024;  // bytes of a reply that is not complete yet

struct ReaderDelete {
    void operator()(redisReader *reader) const noexcept { redisReaderFree(reader); }
};
using Reader = std::unique_ptr<redisReader, ReaderDelete>;

struct ReplyDelete {
    void operator()(redisReply *reply) const noexcept { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, ReplyDelete>;

/// A new reader per connection: one that has seen an error must not be used again. nullptr: out of memory
Reader make_reader() noexcept;

/// Has the server sent more than any reply that we ask for could have?
inline bool is_overfull(const redisReader &reader) noexcept {
    return reader.len - reader.pos > kMaxUnparsed;
}

}  // namespace nexus::edge::redis
