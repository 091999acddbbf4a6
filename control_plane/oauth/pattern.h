// Regular expressions that come from profiles, matched against values that come from anybody: RE2, so time
// grows with the value only (decisions/0020), and both lengths are bounded.
#pragma once

#include <memory>
#include <string_view>

#include "shared/result.h"

namespace re2 {
class RE2;
}

namespace nexus::control {

class Pattern {
public:
    static constexpr size_t kMaxPatternBytes = 256;
    static constexpr size_t kMaxValueBytes = 512;

    /// errors kInvalidRequest: no regular expression of RE2's, or too large
    static Result<Pattern> compile(std::string_view text);
    Pattern(Pattern &&) noexcept;
    ~Pattern();

    /// The whole of `value`; one that is too long does not match.
    bool matches(std::string_view value) const;

private:
    explicit Pattern(std::unique_ptr<re2::RE2> compiled);
    std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace nexus::control
