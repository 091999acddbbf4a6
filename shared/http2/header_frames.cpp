// Frames apart and together; fields that stay are copied as they are.
#include "shared/http2/header_frames.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "shared/http1/syntax.h"

namespace nexus::http2 {

namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kFrameHead = 9;
constexpr size_t kMaxFrame = 16384;  // what every peer takes (RFC 9113 section 4.2)

// RFC 9113 section 6
constexpr uint8_t kHeaders = 1, kContinuation = 9;
constexpr uint8_t kEndStream = 0x1, kEndHeaders = 0x4;

tl::unexpected<Error> refused(std::string message) {
    return fail(Errc::kInvalidRequest, std::move(message));
}

uint8_t byte_at(std::string_view bytes, size_t at) noexcept {
    return static_cast<uint8_t>(bytes[at]);
}

struct Frame {
    uint8_t type;
    uint8_t flags;
    std::string_view bytes;  // the frame as a whole
    std::string_view payload;
};

std::optional<Frame> take_frame(std::string_view &rest) noexcept {
    if (rest.size() < kFrameHead) {
        return std::nullopt;
    }
    const size_t size =
        size_t{byte_at(rest, 0)} << 16 | size_t{byte_at(rest, 1)} << 8 | size_t{byte_at(rest, 2)};
    if (rest.size() - kFrameHead < size) {
        return std::nullopt;
    }
    const std::string_view bytes = rest.substr(0, kFrameHead + size);
    rest.remove_prefix(bytes.size());
    return Frame{byte_at(bytes, 3), byte_at(bytes, 4), bytes, bytes.substr(kFrameHead)};
}

char *put_frame_head(char *p, size_t size, uint8_t type, uint8_t flags) noexcept {
    const std::array<uint8_t, kFrameHead> head = {static_cast<uint8_t>(size >> 16),
                                                  static_cast<uint8_t>(size >> 8),
                                                  static_cast<uint8_t>(size),
                                                  type,
                                                  flags,
                                                  0,
                                                  0,
                                                  0,
                                                  1};  // the stream; nginx corrects it when it sends
    std::memcpy(p, head.data(), head.size());
    return p + head.size();
}

/// How many frames a block of that size takes.
size_t frame_count(size_t size) noexcept {
    return size == 0 ? 1 : (size + kMaxFrame - 1) / kMaxFrame;
}

}  // namespace

Result<void> HeaderFrames::take_fields() {
    for (std::string_view rest = block_; !rest.empty();) {
        Result<Field> field = take_field(rest);
        if (!field) {
            return tl::unexpected(std::move(field).error());
        }
        fields_.push_back(std::move(*field));
    }
    return {};
}

Result<void> HeaderFrames::take_frames(std::string_view bytes) {
    std::string_view rest = bytes;
    if (!rest.starts_with(kPreface)) {
        return refused("the connection preface is missing");
    }
    rest.remove_prefix(kPreface.size());

    std::optional<Frame> frame = take_frame(rest);
    while (frame && frame->type != kHeaders) {
        frame = take_frame(rest);
    }
    if (!frame || (frame->flags & ~(kEndStream | kEndHeaders)) != 0) {
        return refused("there is no header section, or one with padding or priorities");
    }
    before_ = bytes.substr(0, static_cast<size_t>(frame->bytes.data() - bytes.data()));
    flags_ = frame->flags & kEndStream;
    block_ = frame->payload;
    if ((frame->flags & kEndHeaders) == 0) {
        joined_.assign(block_.begin(), block_.end());
    }
    while ((frame->flags & kEndHeaders) == 0) {
        frame = take_frame(rest);
        if (!frame || frame->type != kContinuation || (frame->flags & ~kEndHeaders) != 0) {
            return refused("the header section does not end");
        }
        joined_.insert(joined_.end(), frame->payload.begin(), frame->payload.end());
        block_ = {joined_.data(), joined_.size()};
    }
    if (!rest.empty()) {
        return refused("something stands behind the header section");
    }
    return {};
}

Result<HeaderFrames> HeaderFrames::parse(std::string_view bytes) {
    HeaderFrames frames;
    if (Result<void> taken = frames.take_frames(bytes); !taken) {
        return tl::unexpected(std::move(taken).error());
    }
    if (Result<void> taken = frames.take_fields(); !taken) {
        return tl::unexpected(std::move(taken).error());
    }
    return frames;
}

Result<std::vector<std::string>> HeaderFrames::find_all(std::string_view name) const {
    std::vector<std::string> values;
    for (const Field &field : fields_) {
        if (!http1::equal_ignoring_case(field.name, name)) {
            continue;
        }
        Result<std::string> value = field.value.decode();
        if (!value) {
            return tl::unexpected(std::move(value).error());
        }
        values.push_back(std::move(*value));
    }
    return values;
}

bool HeaderFrames::is_kept(const Field &field, const Edit &edit) const {
    const auto names = [&](std::string_view name) { return http1::equal_ignoring_case(field.name, name); };
    return std::ranges::none_of(edit.remove, names) &&
           std::ranges::none_of(edit.set, names, &http1::HeaderLine::name);
}

size_t HeaderFrames::block_size(const Edit &edit) const {
    size_t size = 0;
    for (const Field &field : fields_) {
        size += is_kept(field, edit) ? field.encoded.size() : 0;
    }
    for (const http1::HeaderLine &line : edit.set) {
        size += field_size(line);
    }
    return size;
}

size_t HeaderFrames::size_bound(const Edit &edit) const {
    const size_t size = block_size(edit);
    return before_.size() + frame_count(size) * kFrameHead + size;
}

Result<size_t> HeaderFrames::write(const Edit &edit, std::span<char> out) const {
    if (!std::ranges::all_of(edit.set, is_field)) {
        return refused("a field to be set is malformed");
    }
    const size_t size = block_size(edit);
    const size_t frames = frame_count(size);

    // The block first, behind the room for all frames' heads; then each piece moves forward to its place.
    char *const start = std::ranges::copy(before_, out.data()).out;
    char *block = start + frames * kFrameHead;
    char *p = block;
    for (const Field &field : fields_) {
        if (is_kept(field, edit)) {
            p = std::ranges::copy(field.encoded, p).out;
        }
    }
    for (const http1::HeaderLine &line : edit.set) {
        p = put_field(p, line);
    }

    char *place = start;
    for (size_t frame = 0; frame < frames; ++frame) {
        const size_t length = std::min(kMaxFrame, size - frame * kMaxFrame);
        const bool is_last = frame + 1 == frames;
        const auto flags = static_cast<uint8_t>((frame == 0 ? flags_ : 0) | (is_last ? kEndHeaders : 0));
        place = put_frame_head(place, length, frame == 0 ? kHeaders : kContinuation, flags);
        std::memmove(place, block, length);
        place += length;
        block += length;
    }
    return static_cast<size_t>(place - out.data());
}

}  // namespace nexus::http2
