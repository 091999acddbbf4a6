// Asking the rules.
#include "ngx_module/inject/request_rules.h"

#include <algorithm>
#include <string>

#include "shared/encoding/form.h"
#include "shared/encoding/lower_case.h"
#include "shared/http1/header_block.h"
#include "shared/http1/request_rules.h"
#include "shared/http1/syntax.h"

namespace nexus::edge {

namespace {

/// Read by web frameworks and servers: the first three instead of the method, the next two instead of the
/// path (IIS, Symfony). The others name a second path, to copy to or move from (WebDAV, OpenStack Swift).
constexpr std::string_view kOverrides[] = {
    "x-http-method-override", "x-http-method", "x-method-override", "x-original-url",
    "x-rewrite-url",          "destination",   "x-copy-from"};

/// An object that is copied or moved: X-Amz-Copy-Source, X-Ms-Rename-Source, and what else stores have.
constexpr std::string_view kSources[] = {"-copy-source", "-rename-source"};

/// Servers that hand header lines on as variables (CGI, WSGI, PHP) make "_" of "-": both are one name to what
/// runs there.
std::string read_by_scripts(std::string_view name) {
    std::string read{name};
    encoding::to_lower_case(read);
    std::ranges::replace(read, '_', '-');
    return read;
}

bool is_override(std::string_view name) {
    const std::string read = read_by_scripts(name);
    return std::ranges::find(kOverrides, read) != std::ranges::end(kOverrides) ||
           (read.starts_with("x-") && std::ranges::any_of(kSources, [&](std::string_view source) {
                return read.find(source) != std::string::npos;
            }));
}

/// Is it what Symfony and Laravel (_method) or Salesforce (_HttpMethod) read as the method? PHP makes "_" of
/// some characters, and ends a name at a NUL.
bool is_method_parameter(std::string_view name) {
    name = name.substr(0, name.find('\0'));
    const size_t start = name.find_first_not_of("_. [");
    if (start == 0 || start == std::string_view::npos) {
        return false;
    }
    return http1::equal_ignoring_case(name.substr(start), "method") ||
           http1::equal_ignoring_case(name.substr(start), "httpmethod");
}

bool has_method_parameter(std::string_view target) {
    const size_t mark = target.find('?');
    return mark != std::string_view::npos &&
           std::ranges::any_of(encoding::parse_form(target.substr(mark + 1)),
                               [](const auto &pair) { return is_method_parameter(pair.first); });
}

}  // namespace

/// An empty line counts as well: another one of that name may stand behind it.
bool has_override(std::string_view head) {
    const Result<http1::Head> parsed = http1::parse_head(head);
    return !parsed || std::ranges::any_of(parsed->lines, is_override, &http1::HeaderLine::name);
}

bool has_override(const http2::HeaderFrames &frames) {
    return frames.has_name(is_override);
}

bool is_request_allowed(const record::TokenView &token, const Sent &sent) {
    if (token.request_rule_count() == 0) {
        return true;
    }
    const Result<std::string> path = http1::plain_path(sent.target);
    if (!path || sent.is_overridden || has_method_parameter(sent.target)) {
        return false;
    }
    for (size_t i = 0; i < token.request_rule_count(); ++i) {
        if (http1::request_rule_matches(token.request_rule_at(i), sent.method, *path)) {
            return true;
        }
    }
    return false;
}

}  // namespace nexus::edge
