// Payload is copied to the middle of an area, so that the chunk's head can be written before it.
#include "shared/sigv4/reframer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace nexus::sigv4 {

namespace {

constexpr std::string_view kChunkSignature = ";chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature:";
constexpr std::string_view kCrlf = "\r\n";
constexpr size_t kSignatureDigits = 64;

struct SizeDigits {
    explicit SizeDigits(size_t size) {
        end = std::to_chars(text.data(), text.data() + text.size(), size, 16).ptr;
    }
    std::string_view view() const { return {text.data(), static_cast<size_t>(end - text.data())}; }
    std::array<char, 16> text;
    char *end;
};

size_t head_size(size_t payload) noexcept {
    return SizeDigits(payload).view().size() + kChunkSignature.size() + kSignatureDigits + kCrlf.size();
}

size_t chunk_size(uint64_t payload) noexcept {
    const auto size = static_cast<size_t>(payload);
    return size == 0 ? 0 : head_size(size) + size + kCrlf.size();
}

size_t trailer_line_size(const BodyPlan &plan) noexcept {
    return plan.trailer.size() + 1 + trailer_value_size(plan.trailer).value_or(0) + kCrlf.size();
}

/// The chunk of no bytes, and what follows it.
size_t end_size(const BodyPlan &plan) noexcept {
    const size_t trailer = has_trailer(plan.framing) ? trailer_line_size(plan) + kTrailerSignature.size() +
                                                           kSignatureDigits + kCrlf.size()
                                                     : 0;
    return head_size(0) + trailer + kCrlf.size();
}

const size_t kHeadRoom = head_size(kChunkSize);

size_t most_payload(uint64_t left) noexcept {
    return static_cast<size_t>(std::min<uint64_t>(left, kChunkSize));
}

}  // namespace

uint64_t framed_size(const BodyPlan &plan) noexcept {
    return plan.size / kChunkSize * chunk_size(kChunkSize) + chunk_size(plan.size % kChunkSize) +
           end_size(plan);
}

Reframer::Reframer(const BodyPlan &plan, ChunkSeed seed)
    : plan_(plan),
      signer_(std::move(seed)),
      left_(plan.size),
      area_(kHeadRoom + most_payload(plan.size) + kCrlf.size() + end_size(plan)) {
    restart();
}

void Reframer::restart() {
    signer_.restart();
    if (plan_.framing != Framing::kPlain) {
        reader_.emplace(plan_);
    }
    left_ = plan_.size;
    filled_ = 0;
    frame_ = {};
    is_over_ = false;
}

Result<std::string_view> Reframer::next_payload(std::string_view &bytes, size_t most) {
    if (reader_) {
        return reader_->next(bytes, most);
    }
    const std::string_view payload = bytes.substr(0, most);
    bytes.remove_prefix(payload.size());
    return payload;
}

bool Reframer::is_body_over() const noexcept {
    return reader_ ? reader_->is_over() : left_ == 0;
}

Result<void> Reframer::take(std::string_view &bytes) {
    while (frame_.empty() && !bytes.empty()) {
        const size_t wanted = most_payload(left_ + filled_);
        if (is_over_ || (!reader_ && left_ == 0)) {
            return fail(Errc::kInvalidRequest, "the body is longer than was announced");
        }
        // With all of the payload there, the reader is left with its own end.
        const Result<std::string_view> payload = next_payload(bytes, std::max<size_t>(wanted - filled_, 1));
        if (!payload) {
            return fail(payload.error());
        }
        if (!payload->empty()) {  // std::ranges::copy would go byte by byte here (GCC 12)
            std::memcpy(area_.data() + kHeadRoom + filled_, payload->data(), payload->size());
        }
        filled_ += payload->size();
        left_ -= payload->size();
        if (filled_ != 0 && filled_ == wanted) {
            finish_chunk();
        }
        if (is_body_over()) {
            finish_body();
        }
    }
    return {};
}

void Reframer::finish_chunk() {
    char *const payload = area_.data() + kHeadRoom;
    const std::string_view signature = signer_.sign_chunk({payload, filled_});
    const SizeDigits digits(filled_);
    char *const start = payload - head_size(filled_);
    char *p = start;
    for (const std::string_view part : {digits.view(), kChunkSignature, signature, kCrlf}) {
        p = std::ranges::copy(part, p).out;
    }
    p = std::ranges::copy(kCrlf, payload + filled_).out;
    frame_ = {start, static_cast<size_t>(p - start)};
    filled_ = 0;
}

/// Behind the chunk that has just been made, or alone.
void Reframer::finish_body() {
    const char *const start = frame_.empty() ? area_.data() : frame_.data();
    char *p = area_.data() + (frame_.empty() ? 0 : frame_.data() + frame_.size() - area_.data());
    for (const std::string_view part :
         {std::string_view{"0"}, kChunkSignature, signer_.sign_chunk({}), kCrlf}) {
        p = std::ranges::copy(part, p).out;
    }
    if (has_trailer(plan_.framing)) {
        const std::string line = plan_.trailer + ":" + std::string{reader_->trailer_value()};
        for (const std::string_view part :
             {std::string_view{line}, kCrlf, kTrailerSignature, signer_.sign_trailer(line + "\n"), kCrlf}) {
            p = std::ranges::copy(part, p).out;
        }
    }
    p = std::ranges::copy(kCrlf, p).out;
    frame_ = {start, static_cast<size_t>(p - start)};
    is_over_ = true;
}

}  // namespace nexus::sigv4
