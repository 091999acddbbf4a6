// One shape for paged lists: conditions joined by AND, newest first by (created_at, id), a cursor for the
// next page. Conditions bind their values; nothing from a caller becomes SQL text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control_plane/store/cursor.h"
#include "control_plane/store/database.h"

namespace nexus::control::store {

class ListQuery {
public:
    /// select  "SELECT columns FROM table "
    explicit ListQuery(std::string_view select) : statement_(std::string{select} + "WHERE 1 = 1") {}

    /// Adds ` AND <condition>`; the one `?` in it becomes the value's parameter.
    ListQuery &where(std::string_view condition, Value value);
    /// For a condition without a value.
    ListQuery &where(std::string_view condition);

    /// One page of rows ordered by (created_at, id) descending; `id_column` is the second of them.
    /// read   Row -> Result<Item>; Item has created_at; id_of gives its id
    /// errors kInvalidRequest (cursor), kStoreUnavailable
    template <typename Page, typename Read, typename IdOf>
    Result<Page> newest_first(Executor &sql, int64_t limit, std::string_view cursor,
                              std::string_view id_column, Read read, IdOf id_of) {
        limit = bounded_limit(limit);
        Result<Rows> rows = run_newest_first(sql, limit, cursor, id_column);
        if (!rows) {
            return fail(rows.error());
        }
        Page page;
        for (const Row &row : rows->rows) {
            if (page.items.size() == static_cast<size_t>(limit)) {
                page.next_cursor =
                    to_cursor(AgeCursor{page.items.back().created_at, id_of(page.items.back())});
                break;
            }
            auto item = read(row);
            if (!item) {
                return fail(item.error());
            }
            page.items.push_back(std::move(*item));
        }
        return page;
    }

private:
    std::string bind(Value value);
    Result<Rows> run_newest_first(Executor &sql, int64_t limit, std::string_view cursor,
                                  std::string_view id_column);

    std::string statement_;
    std::vector<Value> parameters_;
};

}  // namespace nexus::control::store
