// A gRPC request's header section, edited. Input: header value, header to remove and the frames, split by NUL at the
// first two places. What comes out must parse again and hold the credential exactly once.
#include <algorithm>
#include <string>

#include "shared/http2/header_frames.h"
#include "tests/fuzz/fuzz.h"

namespace nexus {
namespace {

using fuzz::require;

void edit(std::string_view value, std::string_view remove, std::string_view bytes) {
    const Result<http2::HeaderFrames> frames = http2::HeaderFrames::parse(bytes);
    if (!frames) {
        return;
    }
    const http1::HeaderLine line{"X-Fuzz-Credential", value};
    const http2::HeaderFrames::Edit edit{{&line, 1}, {&remove, 1}};
    std::string out(frames->size_bound(edit), '\0');
    const Result<size_t> size = frames->write(edit, out);
    if (!size) {
        return;
    }
    require(*size == out.size());

    const Result<http2::HeaderFrames> again = http2::HeaderFrames::parse(out);
    require(again.has_value());
    const auto credentials = again->find_all("x-fuzz-credential");
    require(credentials && credentials->size() == 1 && credentials->front() == value);
    const auto removed = again->find_all(remove);
    require(!removed || removed->empty() || credentials->front() == removed->front());
    require(again->size_bound({}) == out.size());
}

}  // namespace
}  // namespace nexus

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::string_view rest = nexus::fuzz::as_text(data, size);
    const std::string_view value = nexus::fuzz::take_part(rest);
    const std::string_view remove = nexus::fuzz::take_part(rest);
    nexus::edit(value, remove, rest);
    return 0;
}
