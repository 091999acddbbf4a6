// A cursor is not authenticated: it only chooses among rows that its holder may list anyway.
#include "control_plane/store/cursor.h"

#include <algorithm>
#include <charconv>

#include "shared/encoding/base64.h"
#include "shared/encoding/hex.h"
#include "shared/encoding/utf8.h"

namespace nexus::control::store {

namespace {

constexpr size_t kMaxCursorBytes = 1024;

tl::unexpected<Error> bad_cursor() {
    return fail(Errc::kInvalidRequest, "parameter cursor is not one that this server gave out", "cursor");
}

Result<std::string> unwrap(std::string_view cursor) {
    if (cursor.size() > kMaxCursorBytes) {
        return bad_cursor();
    }
    Result<std::string> text = encoding::base64url_decode(cursor);
    if (!text || text->find('\0') != std::string::npos || !encoding::is_utf8(*text)) {
        return bad_cursor();
    }
    return text;
}

}  // namespace

std::string to_cursor(const AgeCursor &position) {
    return encoding::base64url_encode(std::to_string(position.created_at) + ":" + position.id);
}

Result<AgeCursor> parse_age_cursor(std::string_view cursor) {
    const Result<std::string> text = unwrap(cursor);
    if (!text) {
        return fail(text.error());
    }
    AgeCursor position;
    const char *const end = text->data() + text->size();
    const auto [stop, problem] = std::from_chars(text->data(), end, position.created_at);
    if (problem != std::errc() || stop == end || *stop != ':') {
        return bad_cursor();
    }
    position.id.assign(stop + 1, end);
    if (!encoding::is_uuid(position.id)) {
        return bad_cursor();
    }
    return position;
}

std::string to_cursor(std::string_view name) {
    return encoding::base64url_encode("n:" + std::string(name));
}

Result<std::string> parse_name_cursor(std::string_view cursor) {
    const Result<std::string> text = unwrap(cursor);
    if (!text || !text->starts_with("n:")) {
        return bad_cursor();
    }
    return text->substr(2);
}

int64_t bounded_limit(int64_t limit) noexcept {
    return std::clamp<int64_t>(limit, 1, 1000);
}

}  // namespace nexus::control::store
