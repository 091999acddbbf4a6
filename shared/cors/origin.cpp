// An origin is scheme, host and port (RFC 6454 section 4), with the default port left out.
#include "shared/cors/origin.h"

#include <algorithm>

#include "shared/encoding/hex.h"
#include "shared/http1/syntax.h"
#include "shared/net/host_rule.h"

namespace nexus::cors {

namespace {

constexpr size_t kMaxQuoted = 100;
constexpr size_t kMaxHostName = 253;  // RFC 1035 section 2.3.4
constexpr std::string_view kSchemeEnd = "://";
constexpr std::string_view kAnyLabels = "*.";

tl::unexpected<Error> refuse(std::string_view entry, std::string_view why) {
    return fail(Errc::kInvalidRequest,
                std::string("origin \"").append(entry.substr(0, kMaxQuoted)).append("\": ").append(why));
}

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_scheme(std::string_view text) {
    return !text.empty() && is_lower(text.front()) && std::ranges::all_of(text, [](char c) {
        return is_lower(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
    });
}

uint16_t default_port(std::string_view scheme) {
    return scheme == "https" ? 443 : scheme == "http" ? 80 : 0;
}

/// host[:port] as a browser writes it. errors kInvalidRequest
Result<std::string> serialise(std::string_view scheme, std::string_view host_port) {
    Result<net::HostPort> parsed = net::parse_host_port(host_port);
    if (!parsed) {
        return tl::unexpected(parsed.error());
    }
    const bool is_v6 = parsed->host.find(':') != std::string::npos;
    // Browsers write the last 32 bits of an IPv6 address in hexadecimal, inet_ntop sometimes as IPv4.
    if (is_v6 && parsed->host.find('.') != std::string::npos) {
        return fail(Errc::kInvalidRequest, "an IPv4 address stands for itself");
    }
    std::string text = net::in_brackets(parsed->host);
    if (parsed->port != 0 && parsed->port != default_port(scheme)) {
        text.append(":").append(std::to_string(parsed->port));
    }
    return text;
}

/// One or more labels in the form in which browsers write them.
bool are_labels(std::string_view text) noexcept {
    bool in_label = false;
    for (const char c : text) {
        if (c == '.' ? !in_label : !(is_lower(c) || is_digit(c) || c == '-' || c == '_')) {
            return false;
        }
        in_label = c != '.';
    }
    return in_label;
}

/// Is `origin` the scheme, at least one label, and the suffix?
bool is_below(std::string_view origin, std::string_view scheme, std::string_view suffix) noexcept {
    if (origin.size() <= scheme.size() + suffix.size() || !origin.starts_with(scheme) ||
        !origin.ends_with(suffix)) {
        return false;
    }
    const std::string_view labels =
        origin.substr(scheme.size(), origin.size() - scheme.size() - suffix.size());
    const size_t host_size = labels.size() + suffix.substr(0, suffix.find(':')).size();
    return host_size <= kMaxHostName && are_labels(labels);
}

/// Does the name end in letters, below at least one more label? "*.com" is a mistake, "*.localhost" a use.
bool is_wide_enough(std::string_view host) {
    host = host.substr(0, host.find(':'));
    const std::string_view last = host.substr(host.rfind('.') + 1);
    return host == "localhost" || (last.size() < host.size() && !last.empty() && !is_digit(last.front()));
}

}  // namespace

Result<void> OriginSet::add(std::string_view entry) {
    if (entry == "*") {
        any_ = true;
        return {};
    }
    if (entry == "null") {
        null_ = true;
        return {};
    }

    const std::string lower = encoding::to_lower_ascii(entry);
    const size_t scheme_end = lower.find(kSchemeEnd);
    if (scheme_end == std::string::npos || !is_scheme(std::string_view{lower}.substr(0, scheme_end))) {
        return refuse(entry, "takes scheme://host[:port], scheme://*.host[:port], null or *");
    }
    const std::string_view scheme = std::string_view{lower}.substr(0, scheme_end);
    std::string_view host_port = std::string_view{lower}.substr(scheme_end + kSchemeEnd.size());
    if (host_port.find_first_of("/?#@") != std::string_view::npos) {
        return refuse(entry, "an origin has no path, query or user name: it ends after host and port");
    }

    const bool below = host_port.starts_with(kAnyLabels);
    if (below) {
        host_port.remove_prefix(kAnyLabels.size());
    }
    if (host_port.find('*') != std::string_view::npos) {
        return refuse(entry,
                      "a wildcard stands for whole labels at the front of the host: https://*.example.org");
    }
    if (host_port.substr(0, host_port.rfind(':')).ends_with('.')) {
        return refuse(entry, "a dot at the end of the host makes another origin: leave it out");
    }
    const Result<std::string> text = serialise(scheme, host_port);
    if (!text) {
        return refuse(entry,
                      text.error().message + " (a name of other letters is written in punycode, xn--...)");
    }

    std::string prefix = std::string{scheme}.append(kSchemeEnd);
    if (!below) {
        exact_.insert(prefix.append(*text));
        return {};
    }
    if (!is_wide_enough(*text)) {
        return refuse(entry, "a wildcard needs a domain of at least two labels below it");
    }
    subdomains_.push_back({std::move(prefix), "." + *text});
    return {};
}

bool OriginSet::allows(std::string_view origin) const noexcept {
    if (any_) {
        return true;
    }
    if (origin == "null") {
        return null_;
    }
    if (exact_.find(origin) != exact_.end()) {
        return true;
    }
    return std::ranges::any_of(
        subdomains_, [&](const Subdomains &rule) { return is_below(origin, rule.scheme, rule.suffix); });
}

bool is_origin_of_host(std::string_view origin, std::string_view host) noexcept {
    const size_t end = origin.find(kSchemeEnd);
    return end != std::string_view::npos && !host.empty() &&
           http1::equal_ignoring_case(origin.substr(end + kSchemeEnd.size()), host);
}

}  // namespace nexus::cors
