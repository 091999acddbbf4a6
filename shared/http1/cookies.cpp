// Cookies taken apart at semicolons, as servers do it; what is no pair stays as it is.
#include "shared/http1/cookies.h"

#include "shared/http1/syntax.h"

namespace nexus::http1 {

namespace {

constexpr std::string_view kSeparator = "; ";

std::string_view trimmed(std::string_view text) noexcept {
    const size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view{}
                                           : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view name_of(std::string_view cookie) noexcept {
    return trimmed(cookie.substr(0, cookie.find('=')));
}

}  // namespace

std::string with_cookie(const Head &head, std::string_view name, std::string_view value) {
    size_t most = name.size() + 1 + value.size();
    for (const HeaderLine &line : head.lines) {
        most += equal_ignoring_case(line.name, "Cookie") ? 2 * line.value.size() + kSeparator.size() : 0;
    }
    std::string out;
    out.reserve(most);
    for (const HeaderLine &line : head.lines) {
        std::string_view rest = equal_ignoring_case(line.name, "Cookie") ? line.value : std::string_view{};
        while (!rest.empty()) {
            const size_t end = rest.find(';');
            const std::string_view cookie = trimmed(rest.substr(0, end));
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            if (!cookie.empty() && name_of(cookie) != name) {
                out.append(out.empty() ? "" : kSeparator).append(cookie);
            }
        }
    }
    out.append(out.empty() ? "" : kSeparator).append(name).append("=").append(value);
    return out;
}

}  // namespace nexus::http1
