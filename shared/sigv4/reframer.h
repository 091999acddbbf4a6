// A body on its way to S3, in chunks that we sign: whatever framing it came in goes, ours comes. One chunk is
// kept at a time, because a chunk's signature stands before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "shared/result.h"
#include "shared/sigv4/aws_chunked.h"
#include "shared/sigv4/chunk_signer.h"

namespace nexus::sigv4 {

/// Bytes of payload in each chunk but the last one; S3 wants 8 KiB at least.
inline constexpr size_t kChunkSize = 64 * 1024;

/// The size of what Reframer makes of it: the request's Content-Length.
uint64_t framed_size(const BodyPlan &plan) noexcept;

class Reframer {
public:
    Reframer(const BodyPlan &plan, ChunkSeed seed);

    /// Takes bytes off the front until a frame is full, or nothing is left. errors kInvalidRequest: the body
    /// is not what `plan` says
    Result<void> take(std::string_view &bytes);

    /// Bytes to be sent before more is taken; "" = none.
    std::string_view frame() const noexcept { return frame_; }
    void on_frame_sent() noexcept { frame_ = {}; }
    /// Has the last frame been made?
    bool is_over() const noexcept { return is_over_; }

    /// From the body's first byte again (a retry).
    void restart();

private:
    Result<std::string_view> next_payload(std::string_view &bytes, size_t most);
    bool is_body_over() const noexcept;
    void finish_chunk();
    void finish_body();

    BodyPlan plan_;
    ChunkSigner signer_;
    std::optional<ChunkedReader> reader_;  // unless plain
    uint64_t left_;                        // of the payload
    std::vector<char> area_;               // room for the head, payload, room for what follows
    size_t filled_ = 0;                    // of the chunk that is being made
    std::string_view frame_;
    bool is_over_ = false;
};

}  // namespace nexus::sigv4
