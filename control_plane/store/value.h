// What goes into and comes out of SQL: null, 64-bit integer, text, bytes. Nothing else, so both drivers agree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/result.h"

namespace nexus::control::store {

/// A BYTEA / BLOB value, apart from text.
struct Bytes {
    std::string data;
    bool operator==(const Bytes &) const = default;
};

using Value = std::variant<std::monostate, int64_t, std::string, Bytes>;

inline Value null() { return std::monostate{}; }
/// "" and 0 are stored as NULL where a column is optional.
inline Value text_or_null(std::string_view text) {
    return text.empty() ? Value{} : Value{std::string(text)};
}
inline Value integer_or_null(int64_t number) { return number == 0 ? Value{} : Value{number}; }
inline Value bytes_or_null(std::string_view bytes) {
    return bytes.empty() ? Value{} : Value{Bytes{std::string(bytes)}};
}

using Row = std::vector<Value>;

struct Rows {
    std::vector<Row> rows;
    int64_t affected = 0;  // rows changed by INSERT, UPDATE, DELETE

    bool empty() const { return rows.empty(); }
};

/// Reads a row's columns in order. A wrong type or a missing column sticks and shows in `finish`; nothing is trusted.
class RowReader {
public:
    explicit RowReader(const Row &row) : row_(row) {}

    int64_t integer();           // NULL is an error
    int64_t integer_or_zero();   // NULL is 0
    std::string text();          // NULL is an error
    std::string text_or_empty();
    std::string bytes();         // NULL is an error
    std::string bytes_or_empty();
    bool boolean() { return integer() != 0; }

    /// errors kStoreUnavailable: the row is not what the schema promises
    Result<void> finish() const;

private:
    const Value *next();
    const Row &row_;
    size_t column_ = 0;
    bool broken_ = false;
};

/// JSON array of texts, as the scopes columns hold it. errors kStoreUnavailable (not such an array)
std::string to_json_list(const std::vector<std::string> &texts);
Result<std::vector<std::string>> parse_json_list(std::string_view json);

}  // namespace nexus::control::store
