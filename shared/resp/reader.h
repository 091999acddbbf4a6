// hiredis' protocol reader with bounds: it would believe any length that the server announces.
#pragma once

#include <hiredis/hiredis.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace nexus::resp {

struct ReplyDelete {
    void operator()(redisReply *reply) const noexcept { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, ReplyDelete>;

/// What one reply may be.
struct ReplyBounds {
    int depth;        // of arrays within arrays
    size_t elements;  // of all of them together
};

inline constexpr ReplyBounds kFlatReplies{1, 8};           // pub/sub messages have three elements
inline constexpr ReplyBounds kTableReplies{4, 64 * 1024};  // CLUSTER SLOTS, ROLE
inline constexpr size_t kMaxReplyBytes = size_t{4} * 1024 * 1024;

/// One for each connection: after an error it must not be used again.
class ReplyReader {
public:
    explicit ReplyReader(const ReplyBounds &bounds) noexcept;
    ReplyReader(const ReplyReader &) = delete;
    ReplyReader &operator=(const ReplyReader &) = delete;

    /// Was there memory for it?
    bool is_valid() const noexcept { return reader_ != nullptr; }

    /// Takes bytes from the server. false: no memory, or longer than any reply may be
    bool feed(const char *bytes, size_t size) noexcept;

    enum class Next : uint8_t { kReply, kMore, kBroken };
    /// The next whole reply, if there is one.
    Next next(Reply &reply) noexcept;

    /// For the reader's callbacks: what is left of the bounds for the reply that is being read.
    struct Budget {
        ReplyBounds bounds;
        size_t elements_left = 0;
        void *(*create_array)(const redisReadTask *, int) = nullptr;  // hiredis' own
    };

private:
    struct ReaderDelete {
        void operator()(redisReader *reader) const noexcept { redisReaderFree(reader); }
    };

    Budget budget_;
    redisReplyObjectFunctions functions_{};  // hiredis' own but for that one
    std::unique_ptr<redisReader, ReaderDelete> reader_;
    size_t unfinished_ = 0;  // bytes since the last whole reply
};

}  // namespace nexus::resp
