// Templates: see url_template.h.
#include "control_plane/oauth/url_template.h"

#include <algorithm>
#include <functional>

#include "control_plane/url/url.h"
#include "shared/encoding/percent.h"

namespace nexus::control {

namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The name of a placeholder that `text` begins with; "" = none.
std::string_view placeholder(std::string_view text) {
    if (!text.starts_with('{')) {
        return {};
    }
    size_t end = text.find('}');
    std::string_view name = end == std::string_view::npos ? std::string_view{} : text.substr(1, end - 1);
    return is_variable_name(name) ? name : std::string_view{};
}

/// put(name, text written so far) -> what stands there instead.
using Put = std::function<Result<std::string>(std::string_view, const std::string &)>;

Result<std::string> fill(std::string_view text, const Put &put) {
    std::string out;
    while (!text.empty()) {
        size_t brace = std::min(text.find('{'), text.size());
        out.append(text.substr(0, brace));
        text.remove_prefix(brace);
        std::string_view name = placeholder(text);
        if (name.empty()) {
            out.append(text.substr(0, 1));
            text.remove_prefix(std::min<size_t>(1, text.size()));
            continue;
        }
        Result<std::string> value = put(name, out);
        if (!value) {
            return value;
        }
        out.append(*value);
        text.remove_prefix(name.size() + 2);
    }
    return out;
}

Result<std::string> value_of(const Variables &variables, std::string_view name) {
    auto found = variables.find(name);
    if (found == variables.end()) {
        std::string member = "variables." + std::string{name};
        return fail(Errc::kMissingFields, "missing " + member, member);
    }
    return found->second;
}

tl::unexpected<Error> unfit(std::string_view name, std::string_view sentence) {
    std::string member = "variables." + std::string{name};
    return fail(Errc::kInvalidRequest, "member " + member + " " + std::string{sentence}, member);
}

// One or more labels: nothing that could end the host, or begin a port or user information.
bool is_host_part(std::string_view value) {
    return !value.empty() && value.front() != '.' && value.back() != '.' &&
           value.find("..") == std::string_view::npos && std::all_of(value.begin(), value.end(), [](char c) {
               return is_letter(c) || is_digit(c) || c == '-' || c == '.';
           });
}

bool is_origin(std::string_view value) {
    return value.find_first_of("?#{}@") == std::string_view::npos && parse_http_url(value, "value");
}

Result<std::string> for_url(std::string_view name, std::string value, const std::string &before) {
    if (before.empty()) {
        if (!is_origin(value)) {
            return unfit(name, "must be an absolute http(s) URL without a query");
        }
        while (value.ends_with('/')) {
            value.pop_back();
        }
        return value;
    }
    size_t scheme = before.find("://");
    bool in_host =
        scheme != std::string::npos && before.find_first_of("/?#", scheme + 3) == std::string::npos;
    if (in_host) {
        return is_host_part(value) ? Result<std::string>{std::move(value)}
                                   : unfit(name, "may hold letters, digits, '-' and '.' only");
    }
    if (scheme == std::string::npos || value == "." || value == "..") {
        return unfit(name, "cannot stand there in a URL");
    }
    return encoding::percent_encode(value);
}

}  // namespace

bool is_variable_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= 64 && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; });
}

std::vector<std::string> template_names(std::string_view text) {
    std::vector<std::string> out;
    (void)fill(text, [&](std::string_view name, const std::string &) -> Result<std::string> {
        out.emplace_back(name);
        return std::string{};
    });
    return out;
}

bool is_template(std::string_view text) {
    return text.find('{') != std::string_view::npos && !template_names(text).empty();
}

Result<std::string> fill_text(std::string_view text, const Variables &variables) {
    return fill(text, [&](std::string_view name, const std::string &) { return value_of(variables, name); });
}

Result<std::string> fill_url(std::string_view text, const Variables &variables, std::string_view what) {
    if (text.find('{') == std::string_view::npos) {
        return std::string{text};
    }
    Result<std::string> url =
        fill(text, [&](std::string_view name, const std::string &before) -> Result<std::string> {
            Result<std::string> value = value_of(variables, name);
            return value ? for_url(name, std::move(*value), before) : value;
        });
    if (!url) {
        return url;
    }
    Result<Url> parsed = parse_http_url(*url, what);
    if (!parsed || url->find_first_of("{}") != std::string::npos) {
        return fail(Errc::kInvalidRequest, std::string{what} + " is no URL with these variables",
                    std::string{what});
    }
    return url;
}

}  // namespace nexus::control
