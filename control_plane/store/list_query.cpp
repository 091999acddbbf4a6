// Paged lists: see list_query.h.
#include "control_plane/store/list_query.h"

namespace nexus::control::store {

std::string ListQuery::bind(Value value) {
    parameters_.push_back(std::move(value));
    return "$" + std::to_string(parameters_.size());
}

ListQuery &ListQuery::where(std::string_view condition, Value value) {
    std::string bound{condition};
    bound.replace(bound.find('?'), 1, bind(std::move(value)));
    return where(bound);
}

ListQuery &ListQuery::where(std::string_view condition) {
    statement_.append(" AND ").append(condition);
    return *this;
}

Result<Rows> ListQuery::run_newest_first(Executor &sql, int64_t limit, std::string_view cursor,
                                         std::string_view id_column) {
    const std::string id{id_column};
    if (!cursor.empty()) {
        Result<AgeCursor> after = parse_age_cursor(cursor);
        if (!after) {
            return fail(after.error());
        }
        where("(created_at, " + id + ") < (" + bind(after->created_at) + ", " + bind(after->id) + ")");
    }
    statement_ += " ORDER BY created_at DESC, " + id + " DESC LIMIT " + bind(limit + 1);
    return sql.execute(statement_, parameters_);
}

}  // namespace nexus::control::store
