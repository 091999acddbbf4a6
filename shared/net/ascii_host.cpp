// No locale and no allocation: these run for every injected request.
#include "shared/net/ascii_host.h"

#include <algorithm>

namespace nexus::net {

namespace {

constexpr size_t kMaxHostName = 253;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_label_char(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

bool is_hex_digit(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

std::string_view without_trailing_dot(std::string_view host) noexcept {
    if (host.ends_with('.')) {
        host.remove_suffix(1);
    }
    return host;
}

bool is_host_name(std::string_view host) noexcept {
    if (host.empty() || host.size() > kMaxHostName) {
        return false;
    }
    bool in_label = false;
    for (const char c : host) {
        if (c == '.' ? !in_label : !is_label_char(c)) {
            return false;
        }
        in_label = c != '.';
    }
    return in_label;
}

bool ends_in_number(std::string_view host) noexcept {
    const std::string_view label = host.substr(host.rfind('.') + 1);
    if (label.size() >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) {
        return std::ranges::all_of(label.substr(2), is_hex_digit);
    }
    return !label.empty() && std::ranges::all_of(label, is_digit);
}

std::optional<unsigned> parse_port(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5 || !std::ranges::all_of(text, is_digit)) {
        return std::nullopt;
    }
    unsigned port = 0;
    for (const char c : text) {
        port = port * 10 + static_cast<unsigned>(c - '0');
    }
    if (port == 0 || port > 65535) {
        return std::nullopt;
    }
    return port;
}

}  // namespace nexus::net
