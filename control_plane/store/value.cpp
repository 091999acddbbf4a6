// Reading rows with a suspicious eye: a column of the wrong type means a database that is not ours to trust.
#include "control_plane/store/value.h"

#include "control_plane/json/json.h"

namespace nexus::control::store {

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
    const Result<json::Value> parsed = json::parse(text());
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
