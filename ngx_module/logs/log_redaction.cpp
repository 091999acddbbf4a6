// Finding the places; the line keeps its length.
#include "ngx_module/logs/log_redaction.h"

#include <algorithm>
#include <string_view>

namespace nexus::edge {

namespace {

constexpr std::string_view kKeyPrefixes[] = {"nxa_", "nxk_"};
constexpr std::string_view kUriFields[] = {"request: \"", "upstream: \"", "referrer: \"", "[uri \""};
constexpr std::string_view kLinkPath = "/connect/";
constexpr std::string_view kTicketEnds = " /?\"";

/// What ModSecurity found, in a field of its own or as the variable that it looked at.
struct Quoted {
    std::string_view begin;
    std::string_view end;
};
constexpr std::string_view kModSecurity = "ModSecurity: ";
constexpr Quoted kFindings[] = {{"[data \"", "\"] ["}, {"(Value: `", "' )"}};

/// What nginx could not read and quotes: of a provider's head, where the injected credential may be echoed in
/// name or value, and of a caller's.
struct Unread {
    std::string_view begin;
    bool has_name;  // of a field, which is not overwritten
};
constexpr Unread kUnread[] = {{"upstream sent invalid header: \"", false},
                              {"upstream sent invalid header \"", false},
                              {"upstream sent invalid trailer \"", false},
                              {"upstream sent invalid :status \"", false},
                              {"upstream sent unexpected :status \"", false},
                              {"upstream sent invalid status \"", false},
                              {" header line: \"", true},
                              {" with invalid value: \"", false}};
/// What nginx writes behind it: what it was doing, and for whom.
constexpr std::string_view kUnreadEnds[] = {"\" while ", "\", client: "};

bool is_key_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string_view view(std::span<char> line) {
    return {line.data(), line.size()};
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

/// A link for a person is a secret as long as it is good. `at`: where the field begins
void redact_link(std::span<char> line, size_t at) {
    size_t end = at;
    while (end < line.size() && line[end] != '?' && !is_end_of_field(line, end)) {
        ++end;
    }
    at = view(line).substr(0, end).find(kLinkPath, at);
    if (at == std::string_view::npos) {
        return;
    }
    for (at += kLinkPath.size(); at < end && kTicketEnds.find(line[at]) == std::string_view::npos; ++at) {
        line[at] = '*';
    }
}

void redact_findings(std::span<char> line) {
    for (const auto &[begin, end] : kFindings) {
        size_t at = 0;
        while ((at = view(line).find(begin, at)) != std::string_view::npos) {
            at += begin.size();
            // nginx cuts long lines: then the rest is the value.
            const size_t stop = std::min(view(line).find(end, at), line.size());
            for (; at < stop; ++at) {
                line[at] = line[at] == '\n' ? '\n' : '*';
            }
        }
    }
}

/// Where what is quoted from `at` on ends: the last place that looks like it, since what is quoted may look
/// so, too. nginx cuts long lines: then it is all the rest.
size_t end_of_unread(std::string_view line, size_t at) {
    size_t last = at;
    for (const std::string_view end : kUnreadEnds) {
        const size_t found = line.rfind(end);
        last = found != std::string_view::npos ? std::max(last, found) : last;
    }
    return last != at ? last : line.size() - (line.ends_with('\n') ? 1 : 0);
}

void redact_unread(std::span<char> line) {
    for (const auto &[begin, has_name] : kUnread) {
        size_t at = view(line).find(begin);
        if (at == std::string_view::npos) {
            continue;
        }
        at += begin.size();
        const size_t end = end_of_unread(view(line), at);
        const size_t colon = has_name ? view(line).substr(0, end).find(':', at) : std::string_view::npos;
        at = colon != std::string_view::npos ? colon + 1 : at;
        std::fill(line.begin() + static_cast<std::ptrdiff_t>(at),
                  line.begin() + static_cast<std::ptrdiff_t>(end), '*');
    }
}

}  // namespace

void redact_keys(std::span<char> text) noexcept {
    for (const std::string_view prefix : kKeyPrefixes) {
        size_t at = 0;
        while ((at = view(text).find(prefix, at)) != std::string_view::npos) {
            at += prefix.size();
            while (at < text.size() && is_key_character(text[at]) && text[at] != '_') {
                ++at;  // the id may be known
            }
            for (; at < text.size() && is_key_character(text[at]); ++at) {
                text[at] = '*';
            }
        }
    }
}

void redact_log_line(std::span<char> line) noexcept {
    redact_keys(line);
    for (const std::string_view field : kUriFields) {
        size_t at = 0;
        while ((at = view(line).find(field, at)) != std::string_view::npos) {
            at += field.size();
            redact_link(line, at);
            redact_query(line, at);
        }
    }
    redact_unread(line);
    if (view(line).find(kModSecurity) != std::string_view::npos) {
        redact_findings(line);
    }
}

}  // namespace nexus::edge
