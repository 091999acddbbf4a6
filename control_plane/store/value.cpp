// Reading rows with a suspicious eye: a column of the wrong type means a database that is not ours to trust.
#include "control_plane/store/value.h"

#include <algorithm>
#include <optional>

#include "control_plane/json/json.h"

namespace nexus::control::store {

namespace {

/// Reads what `list` writes for texts of plain ASCII, which nearly all are: ["a","b"] without escapes.
/// nullopt: it may be valid all the same, ask the JSON parser.
std::optional<std::vector<std::string>> read_plain_list(std::string_view text) {
    std::vector<std::string> texts;
    if (text == "[]") {
        return texts;
    }
    if (!text.starts_with('[')) {
        return std::nullopt;
    }
    text.remove_prefix(1);
    while (text.starts_with('"')) {
        const size_t end = text.find('"', 1);
        if (end == std::string_view::npos || end + 1 >= text.size()) {
            return std::nullopt;
        }
        const std::string_view one = text.substr(1, end - 1);
        if (!std::ranges::all_of(one, [](char c) { return c >= 0x20 && c < 0x7f && c != '\\'; })) {
            return std::nullopt;
        }
        texts.emplace_back(one);
        const char next = text[end + 1];
        text.remove_prefix(end + 2);
        if (next == ']' && text.empty()) {
            return texts;
        }
        if (next != ',') {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

}  // namespace

const Value *RowReader::next() {
    if (column_ >= row_.size()) {
        broken_ = true;
        return nullptr;
    }
    return &row_[column_++];
}

int64_t RowReader::integer() {
    const Value *value = next();
    const auto *number = std::get_if<int64_t>(value);
    broken_ = broken_ || number == nullptr;
    return number != nullptr ? *number : 0;
}

std::string RowReader::text() {
    const Value *value = next();
    const auto *found = std::get_if<std::string>(value);
    broken_ = broken_ || found == nullptr;
    return found != nullptr ? *found : std::string();
}

std::string RowReader::bytes() {
    const Value *value = next();
    const auto *found = std::get_if<Bytes>(value);
    broken_ = broken_ || found == nullptr;
    return found != nullptr ? found->data : std::string();
}

std::string RowReader::bytes_or_empty() {
    if (column_ < row_.size() && std::holds_alternative<std::monostate>(row_[column_])) {
        ++column_;
        return {};
    }
    return bytes();
}

std::vector<std::string> RowReader::list() {
    const std::string stored = text();
    if (std::optional<std::vector<std::string>> plain = read_plain_list(stored)) {
        return std::move(*plain);
    }
    const Result<json::Value> parsed = json::parse(stored);
    if (!parsed || !parsed->is_array()) {
        broken_ = true;
        return {};
    }
    std::vector<std::string> texts;
    for (size_t i = 0; i < parsed->size(); ++i) {
        const json::Value element = parsed->at(i);
        broken_ = broken_ || !element.is_string();
        texts.emplace_back(element.as_string());
    }
    return texts;
}

Result<void> RowReader::finish() const {
    if (broken_ || column_ != row_.size()) {
        return fail(Errc::kStoreUnavailable, "the database holds a row that does not fit the schema");
    }
    return {};
}

Value list(const std::vector<std::string> &texts) {
    json::Value array = json::Value::array();
    for (const std::string &text : texts) {
        array.append(text);
    }
    return array.dump_text();
}

}  // namespace nexus::control::store
