// Regular expressions of profiles over RE2: see pattern.h.
#include "control_plane/oauth/pattern.h"

#include <re2/re2.h>

namespace nexus::control {

namespace {

re2::RE2::Options options() {
    re2::RE2::Options out;
    out.set_max_mem(1 << 20);
    out.set_log_errors(false);
    out.set_encoding(re2::RE2::Options::EncodingLatin1);  // bytes
    return out;
}

}  // namespace

Pattern::Pattern(std::unique_ptr<re2::RE2> compiled) : compiled_(std::move(compiled)) {}
Pattern::Pattern(Pattern &&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(std::string_view text) {
    if (text.empty() || text.size() > kMaxPatternBytes) {
        return fail(Errc::kInvalidRequest, "a pattern has 1 to 256 bytes");
    }
    auto compiled = std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), options());
    if (!compiled->ok()) {
        return fail(Errc::kInvalidRequest, "a pattern is no regular expression");
    }
    return Pattern(std::move(compiled));
}

bool Pattern::matches(std::string_view value) const {
    return value.size() <= kMaxValueBytes &&
           re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *compiled_);
}

}  // namespace nexus::control
