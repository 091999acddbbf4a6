// Canonical paths, queries and header lines.
#include "shared/sigv4/canonical.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "shared/encoding/hex.h"
#include "shared/encoding/percent.h"

namespace nexus::sigv4 {

namespace {

/// encoding::percent_decode refuses what is malformed; here it is signed as it stands.
std::string decode_leniently(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && encoding::hex_digit_value(text[i + 1]) >= 0 &&
            encoding::hex_digit_value(text[i + 2]) >= 0) {
            out += static_cast<char>(encoding::hex_digit_value(text[i + 1]) * 16 +
                                     encoding::hex_digit_value(text[i + 2]));
            i += 2;
        } else {
            out += text[i] == '+' && plus_is_space ? ' ' : text[i];
        }
    }
    return out;
}

/// Percent-encoded but for its slashes.
std::string encode_path(std::string_view path) {
    std::string out;
    out.reserve(path.size());
    while (true) {
        const size_t slash = path.find('/');
        out += encoding::percent_encode(path.substr(0, slash));
        if (slash == std::string_view::npos) {
            return out;
        }
        out += '/';
        path.remove_prefix(slash + 1);
    }
}

std::string normalised(std::string_view path) {
    std::vector<std::string_view> segments;
    for (std::string_view rest = path; !rest.empty();) {
        const size_t slash = rest.find('/');
        const std::string_view segment = rest.substr(0, slash);
        rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
        if (segment == "..") {
            if (!segments.empty()) {
                segments.pop_back();
            }
        } else if (!segment.empty() && segment != ".") {
            segments.push_back(segment);
        }
    }

    std::string out;
    for (const std::string_view segment : segments) {
        out.append("/").append(segment);
    }
    if (out.empty() || path.ends_with('/')) {
        out += '/';
    }
    return out;
}

void append_trimmed(std::string &out, std::string_view value) {
    bool is_after_blank = true;  // leading blanks go
    for (const char c : value) {
        const bool is_blank = c == ' ' || c == '\t';
        if (!is_blank || !is_after_blank) {
            out += is_blank ? ' ' : c;
        }
        is_after_blank = is_blank;
    }
    if (!value.empty() && is_after_blank && out.ends_with(' ')) {
        out.pop_back();
    }
}

}  // namespace

PathStyle path_style_of(std::string_view service) noexcept {
    return service == "s3" || service == "s3-object-lambda" || service == "s3-outposts" ||
                   service == "s3express"
               ? PathStyle::kS3
               : PathStyle::kOther;
}

std::string canonical_path(std::string_view path, PathStyle style) {
    if (path.empty()) {
        return "/";
    }
    return encode_path(style == PathStyle::kS3 ? decode_leniently(path, false) : normalised(path));
}

std::string canonical_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!query.empty()) {
        const size_t end = query.find('&');
        const std::string_view parameter = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        if (parameter.empty()) {
            continue;
        }
        const size_t equals = parameter.find('=');
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view{} : parameter.substr(equals + 1);
        parameters.emplace_back(encoding::percent_encode(decode_leniently(parameter.substr(0, equals), true)),
                                encoding::percent_encode(decode_leniently(value, true)));
    }
    std::ranges::sort(parameters);

    std::string out;
    for (const auto &[name, value] : parameters) {
        out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
    }
    return out;
}

CanonicalHeaders canonical_headers(std::span<const http1::HeaderLine> lines) {
    std::vector<std::pair<std::string, const http1::HeaderLine *>> sorted;
    sorted.reserve(lines.size());
    for (const http1::HeaderLine &line : lines) {
        sorted.emplace_back(encoding::to_lower_ascii(line.name), &line);
    }
    std::ranges::stable_sort(sorted, {}, [](const auto &entry) { return std::string_view{entry.first}; });

    CanonicalHeaders out;
    for (size_t i = 0; i < sorted.size(); ++i) {
        const auto &[name, line] = sorted[i];
        if (i > 0 && sorted[i - 1].first == name) {
            out.lines.back() = ',';  // in place of the line's end
        } else {
            out.lines.append(name).append(":");
            out.names.append(out.names.empty() ? "" : ";").append(name);
        }
        append_trimmed(out.lines, line->value);
        out.lines += '\n';
    }
    return out;
}

}  // namespace nexus::sigv4
