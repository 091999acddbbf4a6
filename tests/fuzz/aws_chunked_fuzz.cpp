// Bodies in aws-chunked framing. Input: "framing size step", split from the body by NUL. Whatever the body
// is, it is refused or becomes frames: of the size that was told beforehand if it is whole, the same in
// pieces as at once; read again they hold the same payload and trailer.
#include <charconv>
#include <string>

#include "shared/sigv4/reframer.h"
#include "tests/fuzz/fuzz.h"

namespace nexus {
namespace {

using fuzz::require;
using sigv4::BodyPlan;
using sigv4::Framing;

sigv4::ChunkSeed seed() {
    return {sigv4::amz_date(1'369'353'600'000), "20130524/us-east-1/s3/aws4_request",
            crypto::hex_of(crypto::Sha256{}), std::make_shared<crypto::HmacSha256Key>("key")};
}

struct Sent {
    std::string frames;
    bool is_over = false;
    bool is_refused = false;
};

Sent reframe(const BodyPlan &plan, std::string_view body, size_t step) {
    sigv4::Reframer reframer(plan, seed());
    Sent sent;
    while (!body.empty() && !sent.is_refused) {
        std::string_view piece = body.substr(0, step);
        body.remove_prefix(piece.size());
        while (!piece.empty() && !sent.is_refused) {
            const size_t before = piece.size();
            sent.is_refused = !reframer.take(piece);
            require(sent.is_refused || piece.size() < before);
            sent.frames += reframer.frame();
            reframer.on_frame_sent();
        }
    }
    sent.is_over = reframer.is_over() && !sent.is_refused;
    return sent;
}

std::string payload_of(const BodyPlan &plan, std::string_view frames) {
    sigv4::ChunkedReader reader(plan);
    std::string payload;
    while (!frames.empty()) {
        const auto piece = reader.next(frames, 1000);
        require(piece.has_value());
        payload += *piece;
    }
    require(reader.is_over());
    return payload + std::string{reader.trailer_value()};
}

size_t take_number(std::string_view &text) {
    size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    text.remove_prefix(text.starts_with(' ') ? 1 : 0);
    return number;
}

void run(std::string_view settings, std::string_view body) {
    BodyPlan plan;
    plan.framing = static_cast<Framing>(take_number(settings) % 4);
    plan.size = take_number(settings) % 200'000;
    const size_t step = 1 + take_number(settings) % 5000;
    if (has_trailer(plan.framing)) {
        plan.trailer = "x-amz-checksum-crc32";
    }
    const Sent at_once = reframe(plan, body, body.size());
    const Sent in_pieces = reframe(plan, body, step);
    require(at_once.is_over == in_pieces.is_over && at_once.is_refused == in_pieces.is_refused);
    require(at_once.frames.size() <= sigv4::framed_size(plan));
    if (!at_once.is_over) {
        return;
    }
    require(at_once.frames == in_pieces.frames && at_once.frames.size() == sigv4::framed_size(plan));
    BodyPlan signed_plan = plan;
    signed_plan.framing = has_trailer(plan.framing) ? Framing::kSignedTrailer : Framing::kSigned;
    const std::string payload = plan.framing == Framing::kPlain ? std::string{body} : payload_of(plan, body);
    require(payload_of(signed_plan, at_once.frames) == payload);
}

}  // namespace
}  // namespace nexus

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string_view rest = nexus::fuzz::as_text(data, size);
    const std::string_view settings = nexus::fuzz::take_part(rest);
    nexus::run(settings, rest);
    return 0;
}
