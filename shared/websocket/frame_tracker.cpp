// Headers of two to ten bytes, then so many bytes of payload.
#include "shared/websocket/frame_tracker.h"

#include <algorithm>

namespace nexus::websocket {

namespace {

// RFC 6455 section 5.2
constexpr uint8_t kOpcode = 0x0f, kMasked = 0x80, kLength = 0x7f;
constexpr uint8_t kClose = 0x8, kFinal = 0x80;
constexpr uint8_t kLength16 = 126, kLength64 = 127;
constexpr size_t kShortest = 2;
constexpr size_t kMostOfControl = 125;  // payload of a control frame

}  // namespace

size_t FrameTracker::header_bytes() const noexcept {
    if (header_size_ < kShortest) {
        return kShortest;
    }
    switch (header_[1] & kLength) {
        case kLength16:
            return kShortest + 2;
        case kLength64:
            return kShortest + 8;
        default:
            return kShortest;
    }
}

void FrameTracker::take_header() noexcept {
    uint64_t length = header_[1] & kLength;
    if (length >= kLength16) {
        length = 0;
        for (size_t i = kShortest; i < header_size_; ++i) {
            length = length << 8 | header_[i];
        }
    }
    is_lost_ = (header_[1] & kMasked) != 0 || length >> 63 != 0;
    has_closed_ = has_closed_ || (header_[0] & kOpcode) == kClose;
    payload_left_ = length;
    header_size_ = 0;
}

void FrameTracker::feed(std::string_view bytes) noexcept {
    while (!bytes.empty() && !is_lost_) {
        if (payload_left_ > 0) {
            const size_t taken = static_cast<size_t>(std::min<uint64_t>(payload_left_, bytes.size()));
            payload_left_ -= taken;
            bytes.remove_prefix(taken);
            continue;
        }
        header_[header_size_++] = static_cast<uint8_t>(bytes.front());
        bytes.remove_prefix(1);
        if (header_size_ >= kShortest && header_size_ == header_bytes()) {
            take_header();
        }
    }
}

uint64_t FrameTracker::bytes_within_frame() const noexcept {
    return payload_left_ > 0 ? payload_left_ : header_bytes() - header_size_;
}

CloseFrame close_frame(uint16_t code, std::string_view reason) noexcept {
    reason = reason.substr(0, kMostOfControl - sizeof code);
    const size_t payload = sizeof code + reason.size();
    CloseFrame frame{{static_cast<char>(kFinal | kClose), static_cast<char>(payload),
                      static_cast<char>(code >> 8), static_cast<char>(code & 0xff)},
                     kShortest + payload};
    std::ranges::copy(reason, frame.bytes.data() + kShortest + sizeof code);
    return frame;
}

}  // namespace nexus::websocket
