// Canonical paths, queries and header lines.
#include "shared/sigv4/canonical.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "shared/encoding/form.h"
#include "shared/encoding/lower_case.h"
#include "shared/encoding/percent.h"

namespace nexus::sigv4 {

namespace {

/// A path that is its own canonical form, whatever the service: most of them are.
bool is_plain(std::string_view path) noexcept {
    const bool is_unreserved =
        std::ranges::all_of(path, [](char c) { return c == '/' || encoding::kUnreserved.contains(c); });
    return is_unreserved && path.starts_with('/') && path.find("//") == std::string_view::npos &&
           path.find("/.") == std::string_view::npos;
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

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/// Trimmed, with no two blanks in a row and no tab: nearly every value that is sent.
bool is_trimmed(std::string_view value) {
    return value.empty() ||
           (!is_blank(value.front()) && !is_blank(value.back()) &&
            value.find('\t') == std::string_view::npos && value.find("  ") == std::string_view::npos);
}

void append_trimmed(std::pmr::string &out, std::string_view value) {
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

struct Line {
    std::string_view name;  // all of them one behind the other, in the order in which they are sent
    std::string_view value;
};

bool comes_before(const Line &one, const Line &other) noexcept {
    const int order = one.name.compare(other.name);
    return order != 0 ? order < 0 : one.name.data() < other.name.data();
}

}  // namespace

PathStyle path_style_of(std::string_view service) noexcept {
    return service == "s3" || service == "s3-object-lambda" || service == "s3-outposts" ||
                   service == "s3express"
               ? PathStyle::kS3
               : PathStyle::kOther;
}

std::pmr::string canonical_path(std::string_view path, PathStyle style, std::pmr::memory_resource *scratch) {
    if (path.empty()) {
        path = "/";
    }
    if (is_plain(path)) {
        return std::pmr::string{path, scratch};
    }
    const std::string encoded =
        encode_path(style == PathStyle::kS3 ? encoding::decode_leniently(path, false) : normalised(path));
    return {encoded.begin(), encoded.end(), scratch};
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

CanonicalHeaders canonical_headers(std::span<const http1::HeaderLine> lines,
                                   std::pmr::memory_resource *scratch) {
    size_t names_size = 0, values_size = 0;
    for (const http1::HeaderLine &line : lines) {
        names_size += line.name.size();
        values_size += line.value.size();
    }
    std::pmr::string names{scratch};
    names.reserve(names_size);
    std::pmr::vector<Line> sorted{scratch};
    sorted.reserve(lines.size());
    for (const http1::HeaderLine &line : lines) {
        const size_t at = names.size();
        names.append(line.name);
        sorted.push_back({std::string_view{names}.substr(at), line.value});
    }
    encoding::to_lower_case(names);
    std::ranges::sort(sorted, comes_before);

    CanonicalHeaders out{std::pmr::string{scratch}, std::pmr::string{scratch}};
    out.lines.reserve(names.size() + values_size + 2 * lines.size());
    out.names.reserve(names.size() + lines.size());
    for (size_t i = 0; i < sorted.size(); ++i) {
        const Line &line = sorted[i];
        if (i > 0 && sorted[i - 1].name == line.name) {
            out.lines.back() = ',';  // in place of the line's end
        } else {
            out.lines.append(line.name).append(1, ':');
            if (i > 0) {
                out.names.append(1, ';');
            }
            out.names.append(line.name);
        }
        append_trimmed(out.lines, line.value);
        out.lines += '\n';
    }
    return out;
}

}  // namespace nexus::sigv4
