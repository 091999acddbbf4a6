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

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/// Trimmed, with no two blanks in a row and no tab: nearly every value that is sent.
bool is_trimmed(std::string_view value) {
    return value.empty() ||
           (!is_blank(value.front()) && !is_blank(value.back()) &&
            value.find('\t') == std::string_view::npos && value.find("  ") == std::string_view::npos);
}

void append_trimmed(std::string &out, std::string_view value) {
    if (is_trimmed(value)) {
        out.append(value);
        return;
    }
    bool is_after_blank = true;  // leading blanks go
    for (const char c : value) {
        if (!is_blank(c) || !is_after_blank) {
            out += is_blank(c) ? ' ' : c;
        }
        is_after_blank = is_blank(c);
    }
    if (is_after_blank && out.ends_with(' ')) {
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
    std::string names;
    size_t values_size = 0;
    for (const http1::HeaderLine &line : lines) {
        names.append(line.name);
        values_size += line.value.size();
    }
    names = encoding::to_lower_ascii(names);

    std::vector<http1::HeaderLine> sorted;
    sorted.reserve(lines.size());
    size_t at = 0;
    for (const http1::HeaderLine &line : lines) {
        sorted.push_back({std::string_view{names}.substr(at, line.name.size()), line.value});
        at += line.name.size();
    }
    std::ranges::stable_sort(sorted, {}, &http1::HeaderLine::name);

    CanonicalHeaders out;
    out.lines.reserve(names.size() + values_size + 2 * lines.size());
    out.names.reserve(names.size() + lines.size());
    for (size_t i = 0; i < sorted.size(); ++i) {
        const http1::HeaderLine &line = sorted[i];
        if (i > 0 && sorted[i - 1].name == line.name) {
            out.lines.back() = ',';  // in place of the line's end
        } else {
            out.lines.append(line.name).append(":");
            out.names.append(out.names.empty() ? "" : ";").append(line.name);
        }
        append_trimmed(out.lines, line.value);
        out.lines += '\n';
    }
    return out;
}

}  // namespace nexus::sigv4
