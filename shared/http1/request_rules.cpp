// Reading and matching rules of method and path.
#include "shared/http1/request_rules.h"

#include <algorithm>

#include "shared/encoding/percent.h"
#include "shared/encoding/utf8.h"
#include "shared/http1/syntax.h"

namespace nexus::http1 {

namespace {

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

/// Does no reader make another path of it?
bool is_plain(std::string_view path) noexcept {
    const bool has_odd_bytes =
        std::any_of(path.begin(), path.end(), [](char c) { return is_control(c) || c == '\\' || c == ';'; });
    if (!path.starts_with('/') || has_odd_bytes) {
        return false;
    }
    for (path.remove_prefix(1);;) {
        const size_t end = std::min(path.find('/'), path.size());
        const std::string_view segment = path.substr(0, end);
        const bool is_last = end == path.size();
        if (segment == "." || segment == ".." || (segment.empty() && !is_last)) {
            return false;
        }
        if (is_last) {
            return true;
        }
        path.remove_prefix(end + 1);
    }
}

bool pattern_matches(std::string_view pattern, std::string_view path) noexcept {
    while (!pattern.empty()) {
        if (pattern.front() != '*') {
            if (path.empty() || path.front() != pattern.front()) {
                return false;
            }
            pattern.remove_prefix(1);
            path.remove_prefix(1);
            continue;
        }
        pattern.remove_prefix(1);
        if (pattern.empty()) {
            return true;
        }
        // Characters up to the next star; the first place where they fit will do, within the segment.
        const std::string_view text = pattern.substr(0, pattern.find('*'));
        const std::string_view within = path.substr(0, path.find('/'));
        const size_t slash = text.find('/');
        const std::string_view in_segment = text.substr(0, slash);
        const bool ends_segment = slash != std::string_view::npos || text.size() == pattern.size();
        if (ends_segment) {
            if (within.size() < in_segment.size() || !within.ends_with(in_segment)) {
                return false;
            }
            path.remove_prefix(within.size());
        } else {
            const size_t at = within.find(in_segment);
            if (at == std::string_view::npos) {
                return false;
            }
            path.remove_prefix(at + in_segment.size());
        }
        pattern.remove_prefix(in_segment.size());
    }
    return path.empty();
}

}  // namespace

bool is_request_rule(std::string_view rule) noexcept {
    const size_t blank = rule.find(' ');
    if (blank == std::string_view::npos || rule.size() > kMaxRequestRuleBytes) {
        return false;
    }
    const std::string_view method = rule.substr(0, blank), pattern = rule.substr(blank + 1);
    const bool is_method = method == "*" || (is_token(method) && method.find('*') == std::string_view::npos &&
                                             std::none_of(method.begin(), method.end(),
                                                          [](char c) { return c >= 'a' && c <= 'z'; }));
    return is_method && is_plain(pattern) && pattern.find_first_of("%?# ") == std::string_view::npos &&
           pattern.find("**") == std::string_view::npos;
}

Result<std::string> plain_path(std::string_view target) {
    const std::string_view path = target.substr(0, target.find_first_of("?#"));
    Result<std::string> decoded = encoding::percent_decode(path, false);
    if (!decoded) {
        return decoded;
    }
    // What is not UTF-8 some decode all the same: an overlong %c0%ae is a dot to them. An encoded slash or
    // percent sign is one more or one fewer to the next who decodes.
    const auto slashes = [](std::string_view text) { return std::count(text.begin(), text.end(), '/'); };
    if (slashes(*decoded) != slashes(path) || decoded->find('%') != std::string::npos ||
        !encoding::is_utf8(*decoded) || !is_plain(*decoded)) {
        return fail(Errc::kInvalidRequest, "the path is not the same to every reader");
    }
    return decoded;
}

bool request_rule_matches(std::string_view rule, std::string_view method, std::string_view path) noexcept {
    const size_t blank = std::min(rule.find(' '), rule.size());
    const std::string_view wanted = rule.substr(0, blank);
    return blank < rule.size() && (wanted == "*" || wanted == method) &&
           pattern_matches(rule.substr(blank + 1), path);
}

}  // namespace nexus::http1
