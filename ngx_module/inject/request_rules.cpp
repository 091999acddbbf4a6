// Asking the rules.
#include "ngx_module/inject/request_rules.h"

#include <algorithm>
#include <string>
#include <vector>

#include "shared/encoding/form.h"
#include "shared/http1/header_block.h"
#include "shared/http1/request_rules.h"

namespace nexus::edge {

namespace {

/// Read by web frameworks and servers: the first three instead of the method, the others instead of the path
/// (IIS, Symfony).
constexpr std::string_view kOverrides[] = {"x-http-method-override", "x-http-method", "x-method-override",
                                           "x-original-url", "x-rewrite-url"};

/// Is it what Symfony and Laravel read as a form's method? PHP makes "_" of some characters, and ends a name
/// at a NUL.
bool is_method_parameter(std::string_view name) {
    name = name.substr(0, name.find('\0'));
    const size_t start = name.find_first_not_of("_. [");
    return start != 0 && start != std::string_view::npos && name.substr(start) == "method";
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
    return std::ranges::any_of(kOverrides,
                               [&](std::string_view name) { return http1::has_header(head, name); });
}

bool has_override(const http2::HeaderFrames &frames) {
    return std::ranges::any_of(kOverrides, [&](std::string_view name) {
        const Result<std::vector<std::string>> values = frames.find_all(name);
        return !values || !values->empty();
    });
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
