// One pass checks the block and writes it. What could make another parser see other lines than this one does
// (bare CR or LF, NUL, folded lines, blanks around a name) is refused rather than repaired: a credential goes
// out with this text.
#include "shared/http1/header_block.h"

#include <algorithm>
#include <cstring>

#include "shared/encoding/percent.h"
#include "shared/http1/syntax.h"

namespace nexus::http1 {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

[[gnu::cold]] tl::unexpected<Error> refused(std::string message) {
    return fail(Errc::kInvalidRequest, std::move(message));
}

/// A line without its CRLF, or why there is none.
struct Line {
    std::string_view text;
    const char *fault = nullptr;
};

/// Takes the next line off `text`. One that does not end in CRLF, or holds NUL, a bare CR or a bare LF, is
/// refused.
Line take_line(std::string_view &text) noexcept {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
        return {{}, "the request head does not end"};
    }
    const std::string_view line = text.substr(0, end == 0 ? 0 : end - 1);
    if (end == 0 || text[end - 1] != '\r' || line.find('\r') != std::string_view::npos ||
        line.find('\0') != std::string_view::npos) {
        return {{}, "the request head holds a bare line end or NUL"};
    }
    text.remove_prefix(end + 1);
    return {line};
}

/// The name of a field line; empty if the line is none: no colon, folded, or a blank or control in the name.
std::string_view field_name(std::string_view line) noexcept {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        return {};
    }
    const std::string_view name = line.substr(0, colon);
    const bool odd = std::ranges::any_of(name, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte == 0x7f;
    });
    return odd ? std::string_view{} : name;
}

std::string_view field_value(std::string_view line) noexcept {
    constexpr std::string_view kBlanks = " \t";
    std::string_view value = line.substr(line.find(':') + 1);
    value.remove_prefix(std::min(value.find_first_not_of(kBlanks), value.size()));
    return value.substr(0, value.find_last_not_of(kBlanks) + 1);
}

/// A field line with its name; an empty line ends the head.
struct Field {
    std::string_view line;
    std::string_view name;
    const char *fault = nullptr;
};

Field take_field(std::string_view &text) noexcept {
    const Line line = take_line(text);
    if (line.fault != nullptr || line.text.empty()) {
        return {{}, {}, line.fault};
    }
    const std::string_view name = field_name(line.text);
    return {line.text, name, name.empty() ? "a header line is malformed or folded" : nullptr};
}

/// Takes the request line off `text`.
/// source  RFC 9112 section 3: method SP request-target SP HTTP-version
Result<RequestLine> take_request_line(std::string_view &text) {
    const auto [line, fault] = take_line(text);
    if (fault != nullptr) {
        return refused(fault);
    }
    const size_t first = line.find(' ');
    const size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) {
        return refused("the request line is malformed");
    }

    const RequestLine parsed{
        line.substr(0, first),
        line.substr(first + 1, last - first - 1),
        line.substr(last + 1),
    };
    const bool odd = std::ranges::any_of(parsed.target, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte == 0x7f || c == '#';
    });
    if (!is_token(parsed.method) || parsed.target.empty() || odd || parsed.version.size() != 8 ||
        !parsed.version.starts_with("HTTP/1.")) {
        return refused("the request line is malformed");
    }
    return parsed;
}

/// Only origin-form and absolute-form have a query (RFC 9112 section 3.2).
bool may_have_query(std::string_view target) noexcept {
    return target.starts_with('/') || target.find("://") != std::string_view::npos;
}

/// Text for the query: visible ASCII, nothing that would end the parameter or the target.
bool is_parameter(std::string_view text) noexcept {
    return std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte >= 0x7f || c == '#' || c == '&';
    });
}

/// The caller's memory, filled from the front. Its size was checked against edited_size_bound.
class Writer {
public:
    explicit Writer(std::span<char> out) : out_(out) {}

    Writer &put(std::string_view text) {
        if (!text.empty()) {
            std::memcpy(out_.data() + size_, text.data(), text.size());
            size_ += text.size();
        }
        return *this;
    }

    size_t size() const { return size_; }

private:
    std::span<char> out_;
    size_t size_ = 0;
};

/// Is this `name=value` a value of the parameter that goes? Upstreams differ in what "+" means, so both
/// readings count: what any of them would take for the credential's parameter must not come from the caller.
bool is_named(std::string_view parameter, std::string_view name) noexcept {
    const std::string_view own = parameter.substr(0, parameter.find('='));
    return encoding::percent_decoded_equal(own, name, true) ||
           encoding::percent_decoded_equal(own, name, false);
}

void write_target(Writer &out, std::string_view target, const BlockEdit &edit) {
    const size_t mark = target.find('?');
    out.put(target.substr(0, mark));
    std::string_view rest = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    bool more = mark != std::string_view::npos;
    bool removed = false;
    char separator = '?';

    while (more) {
        const size_t end = rest.find('&');
        const std::string_view parameter = rest.substr(0, end);
        more = end != std::string_view::npos;
        rest.remove_prefix(more ? end + 1 : rest.size());
        if (!edit.query_name.empty() && !parameter.empty() && is_named(parameter, edit.query_name)) {
            removed = true;
            continue;
        }
        if (parameter.empty() && !more && (removed || !edit.query.empty())) {
            break;  // "/a?" and "/a?b&" need no second separator
        }
        out.put({&separator, 1}).put(parameter);
        separator = '&';
    }
    if (!edit.query.empty()) {
        out.put({&separator, 1}).put(edit.query);
    }
}

bool goes(std::string_view name, const BlockEdit &edit) noexcept {
    return std::ranges::any_of(edit.remove,
                               [&](std::string_view gone) { return equal_ignoring_case(name, gone); }) ||
           std::ranges::any_of(edit.set,
                               [&](const HeaderLine &line) { return equal_ignoring_case(name, line.name); });
}

Result<void> check_edit(const BlockEdit &edit, std::string_view target) {
    for (const HeaderLine &line : edit.set) {
        if (!is_token(line.name) || !is_field_value(line.prefix) || !is_field_value(line.value)) {
            return refused("a header to set has a malformed name or value");
        }
    }
    if (edit.query.empty() && edit.query_name.empty()) {
        return {};
    }
    if (!is_parameter(edit.query) || !is_parameter(edit.query_name)) {
        return refused("a query parameter to set is not percent-encoded");
    }
    if (!may_have_query(target)) {
        return refused("this request target has no query");
    }
    return {};
}

/// The first line of that name, "" if there is none.
std::string_view find_line(std::string_view block, std::string_view name) {
    std::string_view rest = block;
    Line line = take_line(rest);
    while (line.fault == nullptr) {
        line = take_line(rest);
        if (line.text.empty()) {
            break;
        }
        if (equal_ignoring_case(field_name(line.text), name)) {
            return line.text;
        }
    }
    return {};
}

}  // namespace

Result<size_t> head_size(std::string_view block) {
    std::string_view rest = block;
    if (Result<RequestLine> request = take_request_line(rest); !request) {
        return tl::unexpected(std::move(request).error());
    }

    while (true) {
        const Field field = take_field(rest);
        if (field.fault != nullptr) {
            return refused(field.fault);
        }
        if (field.line.empty()) {
            return block.size() - rest.size();
        }
    }
}

Result<Head> parse_head(std::string_view block, std::pmr::memory_resource *scratch) {
    constexpr size_t kUsualLines = 16;
    Result<RequestLine> request = take_request_line(block);
    if (!request) {
        return tl::unexpected(std::move(request).error());
    }

    Head head{*request, std::pmr::vector<HeaderLine>{scratch}};
    head.lines.reserve(kUsualLines);
    while (true) {
        const Field field = take_field(block);
        if (field.fault != nullptr) {
            return refused(field.fault);
        }
        if (field.line.empty()) {
            return head;
        }
        head.lines.push_back({field.name, field_value(field.line)});
    }
}

std::string_view find_header(std::string_view block, std::string_view name) {
    const std::string_view line = find_line(block, name);
    return line.empty() ? line : field_value(line);
}

bool has_header(std::string_view block, std::string_view name) {
    return !find_line(block, name).empty();
}

size_t edited_size_bound(std::string_view block, const BlockEdit &edit) {
    size_t size = block.size() + 1 + edit.query.size();
    for (const HeaderLine &line : edit.set) {
        size += line.name.size() + 2 + line.prefix.size() + line.value.size() + kLineEnd.size();
    }
    return size;
}

Result<size_t> edit_block(std::string_view block, const BlockEdit &edit, std::span<char> out) {
    if (out.size() < edited_size_bound(block, edit)) {
        return fail(Errc::kInternal, "the buffer is too small for the edited request head");
    }

    std::string_view rest = block;
    Result<RequestLine> request = take_request_line(rest);
    if (!request) {
        return tl::unexpected(std::move(request).error());
    }
    if (Result<void> checked = check_edit(edit, request->target); !checked) {
        return tl::unexpected(std::move(checked).error());
    }

    Writer writer(out);
    writer.put(request->method).put(" ");
    if (edit.query.empty() && edit.query_name.empty()) {
        writer.put(request->target);
    } else {
        write_target(writer, request->target, edit);
    }
    writer.put(" ").put(request->version).put(kLineEnd);

    while (true) {
        const Field field = take_field(rest);
        if (field.fault != nullptr) {
            return refused(field.fault);
        }
        if (field.line.empty()) {
            break;
        }
        if (!goes(field.name, edit)) {
            writer.put(field.line).put(kLineEnd);
        }
    }
    for (const HeaderLine &line : edit.set) {
        writer.put(line.name).put(": ").put(line.prefix).put(line.value).put(kLineEnd);
    }
    writer.put(kLineEnd).put(rest);
    return writer.size();
}

}  // namespace nexus::http1
