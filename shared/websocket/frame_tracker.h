// Where in a server's stream of WebSocket frames one is (RFC 6455 section 5.2), so that a close frame can be
// put between two of them. Headers are read, payloads are only counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nexus::websocket {

class FrameTracker {
public:
    /// What has just been sent.
    void feed(std::string_view bytes) noexcept;

    /// Between two frames.
    bool is_at_boundary() const noexcept { return !is_lost_ && header_size_ == 0 && payload_left_ == 0; }

    /// What came was nothing that a server sends (a masked frame, a length of 64 bits): boundaries are not
    /// known.
    bool is_lost() const noexcept { return is_lost_; }

    /// A close frame has gone: another one must not follow.
    bool has_closed() const noexcept { return has_closed_; }

    /// So many more bytes do not reach beyond the frame that they begin or go on with; at least 1.
    uint64_t bytes_within_frame() const noexcept;

private:
    size_t header_bytes() const noexcept;
    void take_header() noexcept;

    std::array<uint8_t, 10> header_{};
    size_t header_size_ = 0;
    uint64_t payload_left_ = 0;
    bool is_lost_ = false;
    bool has_closed_ = false;
};

/// "Service Restart" (IANA's registry of close codes): come again, perhaps elsewhere.
inline constexpr uint16_t kServiceRestart = 1012;

struct CloseFrame {
    std::array<char, 127> bytes;
    size_t size;

    std::string_view view() const noexcept { return {bytes.data(), size}; }
};

/// A server's close frame (RFC 6455 section 5.5.1). reason: UTF-8, at most 123 bytes
CloseFrame close_frame(uint16_t code, std::string_view reason) noexcept;

}  // namespace nexus::websocket
