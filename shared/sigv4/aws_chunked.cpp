// A line at a time, and payload in between.
#include "shared/sigv4/aws_chunked.h"

#include <algorithm>
#include <array>
#include <utility>

#include "shared/encoding/hex.h"
#include "shared/http1/syntax.h"

namespace nexus::sigv4 {

namespace {

/// The longest line that there is: a chunk's size (16 digits) and signature; a checksum's name and value.
constexpr size_t kMaxLine = 160;
constexpr size_t kMaxSizeDigits = 16;
constexpr size_t kSignatureDigits = 64;
constexpr std::string_view kChunkSignature = "chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature:";
constexpr std::string_view kCrlf = "\r\n";

struct Checksum {
    std::string_view name;
    size_t value_size;  // in base64
};

constexpr std::array<Checksum, 10> kChecksums = {{
    {"x-amz-checksum-crc32", 8},
    {"x-amz-checksum-crc32c", 8},
    {"x-amz-checksum-crc64nvme", 12},
    {"x-amz-checksum-sha1", 28},
    {"x-amz-checksum-sha256", 44},
    {"x-amz-checksum-sha512", 88},
    {"x-amz-checksum-md5", 24},
    {"x-amz-checksum-xxhash64", 12},
    {"x-amz-checksum-xxhash3", 12},
    {"x-amz-checksum-xxhash128", 24},
}};

bool is_signature(std::string_view text) noexcept {
    return text.size() == kSignatureDigits &&
           std::ranges::all_of(text, [](char c) { return encoding::hex_digit_value(c) >= 0; });
}

bool is_base64(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
               c == '/' || c == '=';
    });
}

std::optional<uint64_t> parse_size(std::string_view digits) noexcept {
    if (digits.empty() || digits.size() > kMaxSizeDigits) {
        return std::nullopt;
    }
    uint64_t size = 0;
    for (const char c : digits) {
        const int digit = encoding::hex_digit_value(c);
        if (digit < 0) {
            return std::nullopt;
        }
        size = size * 16 + static_cast<uint64_t>(digit);
    }
    return size;
}

}  // namespace

std::optional<Framing> framing_of(std::string_view content_sha256) noexcept {
    constexpr std::array<std::pair<std::string_view, Framing>, 3> kWords = {{
        {kStreamingPayload, Framing::kSigned},
        {kStreamingPayloadTrailer, Framing::kSignedTrailer},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", Framing::kUnsignedTrailer},
    }};
    for (const auto &[word, framing] : kWords) {
        if (content_sha256 == word) {
            return framing;
        }
    }
    return content_sha256.starts_with("STREAMING-") ? std::nullopt : std::optional(Framing::kPlain);
}

std::optional<size_t> trailer_value_size(std::string_view name) noexcept {
    for (const Checksum &checksum : kChecksums) {
        if (http1::equal_ignoring_case(checksum.name, name)) {
            return checksum.value_size;
        }
    }
    return std::nullopt;
}

ChunkedReader::ChunkedReader(BodyPlan plan) : plan_(std::move(plan)), left_(plan_.size) {
    line_.reserve(kMaxLine);
}

Result<std::string_view> ChunkedReader::next(std::string_view &bytes, size_t most) {
    while (!bytes.empty() && !is_broken_) {
        if (state_ == State::kData) {
            const size_t size = std::min({bytes.size(), most, static_cast<size_t>(chunk_)});
            const std::string_view payload = bytes.substr(0, size);
            bytes.remove_prefix(size);
            chunk_ -= size;
            left_ -= size;
            state_ = chunk_ == 0 ? State::kDataEnd : State::kData;
            return payload;
        }
        if (!take_line(bytes)) {
            break;
        }
        is_broken_ = !on_line(line_);
        line_.clear();
    }
    if (is_broken_) {
        return fail(Errc::kInvalidRequest, "the body is not in the aws-chunked framing that was announced");
    }
    return std::string_view{};
}

/// returns false: it has not come as a whole, or there is no end to it
bool ChunkedReader::take_line(std::string_view &bytes) {
    const size_t end = bytes.find('\n');
    const size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
    if (state_ == State::kOver || line_.size() + size > kMaxLine) {
        is_broken_ = true;
        return false;
    }
    line_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    return end != std::string_view::npos;
}

/// line  with its end. returns false: it has no place here
bool ChunkedReader::on_line(std::string_view line) {
    switch (state_) {
        case State::kSize:
            return line.ends_with(kCrlf) && on_size(line.substr(0, line.size() - kCrlf.size()));
        case State::kDataEnd:
            state_ = State::kSize;
            return line == kCrlf;
        case State::kTrailer:
            return on_trailer(line);
        case State::kTrailerEnd:
            state_ = plan_.framing == Framing::kSignedTrailer ? State::kTrailerSignature : State::kEnd;
            return line == kCrlf;
        case State::kTrailerSignature:
            state_ = State::kEnd;
            return line.starts_with(kTrailerSignature) && line.ends_with(kCrlf) &&
                   is_signature(line.substr(kTrailerSignature.size(),
                                            line.size() - kTrailerSignature.size() - kCrlf.size()));
        case State::kEnd:
            state_ = State::kOver;
            return line == kCrlf;
        case State::kData:
        case State::kOver:
            break;
    }
    return false;
}

bool ChunkedReader::on_size(std::string_view line) {
    const size_t semicolon = line.find(';');
    const std::optional<uint64_t> size = parse_size(line.substr(0, semicolon));
    const bool has_signature = semicolon != std::string_view::npos;
    if (!size || *size > left_ || has_signature != (plan_.framing != Framing::kUnsignedTrailer)) {
        return false;
    }
    if (has_signature) {
        const std::string_view extension = line.substr(semicolon + 1);
        if (!extension.starts_with(kChunkSignature) ||
            !is_signature(extension.substr(kChunkSignature.size()))) {
            return false;
        }
    }
    if (*size == 0) {
        state_ = has_trailer(plan_.framing) ? State::kTrailer : State::kEnd;
        return left_ == 0;
    }
    chunk_ = *size;
    state_ = State::kData;
    return true;
}

/// "name:value CRLF"; minio-go writes "name:value LF CRLF", as an example in AWS's manual does.
bool ChunkedReader::on_trailer(std::string_view line) {
    const bool is_ended_twice = !line.ends_with(kCrlf);
    line.remove_suffix(is_ended_twice ? 1 : kCrlf.size());
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos ||
        !http1::equal_ignoring_case(line.substr(0, colon), plan_.trailer)) {
        return false;
    }
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(value.starts_with(' ') ? 1 : 0);
    if (value.size() != trailer_value_size(plan_.trailer) || !is_base64(value)) {
        return false;
    }
    trailer_value_ = value;
    state_ = is_ended_twice                             ? State::kTrailerEnd
             : plan_.framing == Framing::kSignedTrailer ? State::kTrailerSignature
                                                        : State::kEnd;
    return true;
}

}  // namespace nexus::sigv4
