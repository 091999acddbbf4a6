// Bodies in aws-chunked framing, as AWS's SDKs send them to S3: chunks behind their sizes, signed or not, and
// perhaps a checksum in a line behind the last one. Read strictly and within bounds; a caller's signatures
// are not looked at, for they are made with keys that mean nothing. Source: Amazon S3 API reference,
// "Signature calculations for the Authorization header: transferring payload in multiple chunks", and "...
// including trailing headers".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/result.h"

namespace nexus::sigv4 {

/// x-amz-content-sha256 of a body whose chunks are signed; the second one with a trailing checksum.
inline constexpr std::string_view kStreamingPayload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
inline constexpr std::string_view kStreamingPayloadTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

enum class Framing : uint8_t { kPlain, kSigned, kSignedTrailer, kUnsignedTrailer };

constexpr bool has_trailer(Framing framing) noexcept {
    return framing == Framing::kSignedTrailer || framing == Framing::kUnsignedTrailer;
}

/// Of a request's x-amz-content-sha256 ("" if it has none). nullopt: a streaming one that is not known here
/// (ECDSA of SigV4a, events)
std::optional<Framing> framing_of(std::string_view content_sha256) noexcept;

/// How many characters the value of a trailing checksum has; nullopt: no checksum of S3
std::optional<size_t> trailer_value_size(std::string_view name) noexcept;

/// What a request says of its body before the first byte comes.
struct BodyPlan {
    Framing framing = Framing::kPlain;
    uint64_t size = 0;    // of the payload: the object
    std::string trailer;  // name of the trailing checksum, in lower case; "" = none
};

/// Takes the framing off a body that comes in pieces.
class ChunkedReader {
public:
    /// plan  any framing but kPlain
    explicit ChunkedReader(BodyPlan plan);

    /// Takes what it understands off the front of `bytes`. returns at most `most` (> 0) bytes of payload, a
    /// view into them; "": all of `bytes` was taken, and there was no (more) payload. errors kInvalidRequest:
    /// this is not the body that was announced, and nothing more can be read
    Result<std::string_view> next(std::string_view &bytes, size_t most);

    /// Has all of it come?
    bool is_over() const noexcept { return state_ == State::kOver; }
    /// Once it is over.
    std::string_view trailer_value() const noexcept { return trailer_value_; }

private:
    enum class State : uint8_t {
        kSize,
        kData,
        kDataEnd,
        kTrailer,
        kTrailerEnd,  // a line that some clients end twice
        kTrailerSignature,
        kEnd,
        kOver
    };

    bool take_line(std::string_view &bytes);
    bool on_line(std::string_view line);
    bool on_size(std::string_view line);
    bool on_trailer(std::string_view line);

    BodyPlan plan_;
    State state_ = State::kSize;
    uint64_t left_;       // of the payload
    uint64_t chunk_ = 0;  // of this chunk
    std::string line_;    // as far as it has come
    bool is_broken_ = false;
    std::string trailer_value_;
};

}  // namespace nexus::sigv4
