// A command that waits for its reply, and what that reply can be.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace nexus::edge::redis {

/// The command's name and its arguments, as they are sent. They are copied when the command is sent.
using Arguments = std::span<const std::string_view>;

enum class ReplyStatus : uint8_t {
    kValue,  // bytes, in `text`
    kNil,
    kInteger,
    kStatus,       // such as OK, in `text`
    kArray,        // in `raw`
    kError,        // the server refused this command; `text` is the error's first word, such as OOM
    kUnavailable,  // no reply in time, or the connection was lost: the command may have been carried out
};

/// What became of a command. All of it is only valid during the call that hands it over.
struct Answer {
    ReplyStatus status = ReplyStatus::kUnavailable;
    std::string_view text;
    std::string_view detail;  // kError: all of it; not for logs, it may quote data
    int64_t integer = 0;
    const redisReply *raw = nullptr;
};

/// Belongs to the caller, who must cancel it before it goes.
struct Command {
    /// Called once, unless cancelled.
    void (*on_reply)(Command *command, const Answer &answer) noexcept = nullptr;
    void *data = nullptr;

    // the client's own
    uint64_t number = 0;    // its place in a node's queue; 0 = not waiting
    void *route = nullptr;  // where it was sent, if it can move
};

}  // namespace nexus::edge::redis
