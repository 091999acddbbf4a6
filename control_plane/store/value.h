// What goes into and comes out of SQL: null, 64-bit integer, text, bytes. Nothing else, so both drivers
// agree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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

inline Value text(std::string_view text) {
    return std::string(text);
}
inline Value flag(bool set) {
    return int64_t{set};
}
/// "" is stored as NULL: a column for a box that is not there.
inline Value bytes_or_null(std::string_view bytes) {
    return bytes.empty() ? Value{} : Value{Bytes{std::string(bytes)}};
}

using Row = std::vector<Value>;

struct Rows {
    std::vector<Row> rows;
    int64_t affected = 0;  // rows changed by INSERT, UPDATE, DELETE

    bool empty() const { return rows.empty(); }
};

/// Reads a row's columns in order. A wrong type or a missing column sticks and shows in `finish`; nothing is
/// trusted.
class RowReader {
public:
    explicit RowReader(const Row &row) : row_(row) {}

    int64_t integer();
    bool boolean() { return integer() != 0; }
    std::string text();
    std::vector<std::string> list();  // a JSON array of strings
    std::string bytes();
    std::string bytes_or_empty();  // NULL is ""

    /// errors kStoreUnavailable: the row is not what the schema promises
    Result<void> finish() const;

private:
    const Value *next();
    const Row &row_;
    size_t column_ = 0;
    bool broken_ = false;
};

/// Every row as `read` reads it.
/// read  of a Row; returns a Result. errors  the statement's; read's
template <typename Read>
auto read_all(const Result<Rows> &rows, Read &&read)
    -> Result<std::vector<typename std::invoke_result_t<Read, const Row &>::value_type>> {
    if (!rows) {
        return fail(rows.error());
    }
    std::vector<typename std::invoke_result_t<Read, const Row &>::value_type> out;
    for (const Row &row : rows->rows) {
        auto one = read(row);
        if (!one) {
            return fail(one.error());
        }
        out.push_back(std::move(*one));
    }
    return out;
}

/// A JSON array of strings, as list columns hold it. Texts that are not UTF-8 become null, which `list`
/// refuses.
Value list(const std::vector<std::string> &texts);

}  // namespace nexus::control::store
