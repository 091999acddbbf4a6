// nexusd's request reader. Input: a byte that says how the rest is cut up, then what a client sends. Cut up
// or whole, the parser must come to the same verdict and the same request, within its limits.
#include <algorithm>
#include <string>

#include "control_plane/server/request_parser.h"
#include "tests/fuzz/fuzz.h"

namespace nexus::control {
namespace {

using fuzz::require;

constexpr RequestLimits kLimits{};

struct Outcome {
    RequestParser::Status status = RequestParser::Status::kMore;
    std::string method;
    std::string path;
    std::string body;

    bool operator==(const Outcome &) const = default;
};

/// Feeds `text` in steps of `step` bytes, until the parser has decided.
Outcome parse(std::string_view text, size_t step) {
    RequestParser parser(kLimits);
    Outcome outcome;
    while (!text.empty() && outcome.status == RequestParser::Status::kMore) {
        outcome.status = parser.feed(text.substr(0, step));
        text.remove_prefix(std::min(step, text.size()));
    }
    if (outcome.status == RequestParser::Status::kRefused) {
        require(!parser.error().message.empty());
    }
    if (outcome.status == RequestParser::Status::kDone) {
        const Request request = parser.take();
        outcome.method = request.method;
        outcome.path = request.path;
        outcome.body = std::string{request.body.view()};
        require(outcome.body.size() <= kLimits.max_body_bytes);
        require(outcome.path.find('\0') == std::string::npos);
    }
    return outcome;
}

}  // namespace
}  // namespace nexus::control

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view text = nexus::fuzz::as_text(data, size).substr(1);
    const size_t step = 1 + data[0] % 64;
    nexus::fuzz::require(nexus::control::parse(text, step) == nexus::control::parse(text, text.size() + 1));
    return 0;
}
