// Finding the places; the line keeps its length.
#include "ngx_module/log_redaction.h"

#include <string_view>

namespace nexus::edge {

namespace {

constexpr std::string_view kKeyPrefix = "nxa_";
constexpr std::string_view kUriFields[] = {"request: \"", "upstream: \"", "referrer: \""};

bool is_key_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string_view view(std::span<char> line) {
    return {line.data(), line.size()};
}

void redact_keys(std::span<char> line) {
    size_t at = 0;
    while ((at = view(line).find(kKeyPrefix, at)) != std::string_view::npos) {
        at += kKeyPrefix.size();
        while (at < line.size() && is_key_character(line[at]) && line[at] != '_') {
            ++at;  // the id may be known
        }
        for (; at < line.size() && is_key_character(line[at]); ++at) {
            line[at] = '*';
        }
    }
}

/// Does the field's closing quote stand here? A quote inside of a URI is not followed by nginx's own
/// punctuation.
bool is_end_of_field(std::span<char> line, size_t at) {
    return line[at] == '"' && (at + 1 >= line.size() || line[at + 1] == ',' || line[at + 1] == '\n');
}

void redact_query(std::span<char> line, size_t at) {
    while (at < line.size() && line[at] != '?' && !is_end_of_field(line, at)) {
        ++at;
    }
    bool in_value = false;
    for (; at < line.size() && line[at] != ' ' && !is_end_of_field(line, at); ++at) {
        if (line[at] == '&' || line[at] == '?') {
            in_value = false;
        } else if (in_value) {
            line[at] = '*';
        } else if (line[at] == '=') {
            in_value = true;
        }
    }
}

}  // namespace

void redact_log_line(std::span<char> line) noexcept {
    redact_keys(line);
    for (const std::string_view field : kUriFields) {
        size_t at = 0;
        while ((at = view(line).find(field, at)) != std::string_view::npos) {
            at += field.size();
            redact_query(line, at);
        }
    }
}

}  // namespace nexus::edge
