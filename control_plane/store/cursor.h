// Cursors of paged lists: where the last page ended, as opaque text.
#pragma once

#include <string>
#include <string_view>

#include "shared/clock.h"
#include "shared/result.h"

namespace nexus::control::store {

/// Position in a list ordered by (created_at, id).
struct AgeCursor {
    UnixMs created_at = 0;
    std::string id;
};

std::string to_cursor(const AgeCursor &position);
/// errors kInvalidRequest
Result<AgeCursor> parse_age_cursor(std::string_view cursor);

std::string to_cursor(std::string_view name);
Result<std::string> parse_name_cursor(std::string_view cursor);

/// 1..1000, whatever was asked for.
int64_t bounded_limit(int64_t limit) noexcept;

}  // namespace nexus::control::store
