// Canonical paths, queries and header lines.
#include "shared/sigv4/canonical.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "shared/encoding/form.h"
#include "shared/encoding/hex.h"
#include "shared/encoding/percent.h"

namespace nexus::sigv4 {

namespace {

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
    return encode_path(style == PathStyle::kS3 ? encoding::decode_leniently(path, false) : normalised(path));
}

std::string canonical_query(std::string_view query) {
    encoding::FormPairs parameters = encoding::parse_form(query);
    for (auto &[name, value] : parameters) {
        name = encoding::percent_encode(name);
        value = encoding::percent_encode(value);
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
