// How nexusctl prints: see print.h.
#include "control_plane/cli/print.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "control_plane/url/url.h"
#include "shared/encoding/utf8.h"

namespace nexus::control::cli {

namespace {

/// The code point of one whole sequence.
char32_t code_point_of(std::string_view sequence) {
    constexpr std::array<unsigned char, 5> kLeadBits{0, 0x7f, 0x1f, 0x0f, 0x07};
    char32_t out = static_cast<unsigned char>(sequence[0]) & kLeadBits[sequence.size()];
    for (const char c : sequence.substr(1)) {
        out = out << 6 | (static_cast<unsigned char>(c) & 0x3f);
    }
    return out;
}

/// Categories Cc, Zl and Zp, and the property Bidi_Control of Unicode.
bool is_command(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0x061c || c == 0x200e ||
           c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

std::string printable(std::string_view value) {
    std::string out;
    out.reserve(value.size());
    while (!value.empty()) {
        const size_t length = encoding::utf8_length(value);
        const std::string_view sequence = value.substr(0, std::max<size_t>(length, 1));
        out.append(length == 0 || is_command(code_point_of(sequence)) ? std::string_view{"?"} : sequence);
        value.remove_prefix(sequence.size());
    }
    return out;
}

void print_line(std::string_view line) {
    std::printf("%s\n", printable(line).c_str());
}

void print_member(std::string_view name, std::string_view value, size_t width) {
    std::string line = printable(name);
    line.resize(std::max(line.size(), width), ' ');
    print_line(line.append(" ").append(value));
}

void print_table(const std::vector<std::string> &head, const std::vector<std::vector<std::string>> &values) {
    std::vector<std::vector<std::string>> rows = values;
    for (std::vector<std::string> &row : rows) {
        std::transform(row.begin(), row.end(), row.begin(), printable);
    }
    std::vector<size_t> widths;
    for (size_t column = 0; column < head.size(); ++column) {
        size_t width = head[column].size();
        for (const auto &row : rows) {
            width = std::max(width, row[column].size());
        }
        widths.push_back(width);
    }
    auto print_row = [&](const std::vector<std::string> &row) {
        std::string line;
        for (size_t column = 0; column < row.size(); ++column) {
            line += row[column];
            if (column + 1 < row.size()) {
                line.append(widths[column] + 2 - row[column].size(), ' ');
            }
        }
        std::printf("%s\n", line.c_str());
    };
    print_row(head);
    std::for_each(rows.begin(), rows.end(), print_row);
}

void print_json(const json::Value &value) {
    Secret text = value.dump();
    std::fwrite(text.view().data(), 1, text.size(), stdout);
    std::fputc('\n', stdout);
}

int problem(std::string_view sentence) {
    std::fprintf(stderr, "nexusctl: %s\n", printable(sentence).c_str());
    return 1;
}

std::optional<json::Value> expect(const Result<Client::Answer> &answer) {
    if (!answer) {
        problem(answer.error().message);
        return std::nullopt;
    }
    if (!answer->ok()) {
        problem(answer->message + " [" + std::to_string(answer->status) + " " + answer->code + "]");
        return std::nullopt;
    }
    return answer->body.borrow();
}

std::optional<json::Value> expect(const Result<Client::Answer> &answer, std::string_view member) {
    std::optional<json::Value> body = expect(answer);
    if (body && !body->contains(member)) {
        problem("the answer has no member " + std::string{member} + ", so it is no nexusd's");
        return std::nullopt;
    }
    return body;
}

std::optional<std::vector<json::Value>> all_items(const Client &client, const std::string &path) {
    std::vector<json::Value> out;
    const std::string first = with_query(path, {{"limit", "500"}});
    for (std::string next = first; !next.empty();) {
        const Result<Client::Answer> answer = client.call("GET", next);
        const bool is_array = answer && answer->body.is_array();
        const std::optional<json::Value> page = is_array ? expect(answer) : expect(answer, "items");
        if (!page) {
            return std::nullopt;
        }
        const json::Value items = is_array ? page->borrow() : page->get("items");
        for (size_t i = 0; i < items.size(); ++i) {
            out.push_back(items.at(i));
        }
        const std::string cursor = text(*page, "next_cursor");
        next = cursor.empty() ? answer->next : with_query(first, {{"cursor", cursor}});
    }
    return out;
}

int print_list(const Client &client, const Output &output, const std::string &path,
               const std::vector<std::string> &head,
               const std::function<std::vector<std::string>(const json::Value &)> &to_row) {
    std::optional<std::vector<json::Value>> items = all_items(client, path);
    if (!items) {
        return 1;
    }
    json::Value all = json::Value::array();
    std::vector<std::vector<std::string>> rows;
    for (json::Value &item : *items) {
        rows.push_back(to_row(item));
        all.append(std::move(item));
    }
    if (output.json) {
        print_json(all);
    } else {
        print_table(head, rows);
    }
    return 0;
}

std::string join(const json::Value &array) {
    std::string out;
    for (size_t i = 0; i < array.size(); ++i) {
        out.append(out.empty() ? "" : ", ").append(array.at(i).as_string());
    }
    return out;
}

std::string text(const json::Value &object, std::string_view name) {
    return std::string{object.get(name).as_string()};
}

std::string text_or_dash(const json::Value &object, std::string_view name) {
    return object.contains(name) ? text(object, name) : "-";
}

}  // namespace nexus::control::cli
