// Structured logs: one JSON object a line on stderr. A Secret has no way in. Hides spdlog in one translation
// unit.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "shared/result.h"
#include "shared/secret.h"

namespace nexus::control::log {

enum class Level : uint8_t { kDebug, kInfo, kWarn, kError, kOff };

/// One member of the line. Borrowed: it lives as long as the call.
struct Field {
    using Value = std::variant<std::string_view, int64_t, bool>;

    Field(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
    Field(std::string_view field_name, const char *text) : name(field_name), value(std::string_view(text)) {}
    Field(std::string_view field_name, const std::string &text)
        : name(field_name), value(std::string_view(text)) {}
    template <std::integral T>
    Field(std::string_view field_name, T number) : name(field_name) {
        if constexpr (std::same_as<T, bool>) {
            value = number;
        } else {
            value = static_cast<int64_t>(number);
        }
    }
    Field(std::string_view, const Secret &) = delete;

    std::string_view name;
    Value value;
};

/// level  debug, info, warn, error, off. returns false, and changes nothing, for another word.
bool set_level(std::string_view level) noexcept;
bool enabled(Level level) noexcept;

/// event  what happened, snake_case or one short clause; the line's "event" member
void write(Level level, std::string_view event, std::initializer_list<Field> fields) noexcept;

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) noexcept {
    write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) noexcept {
    write(Level::kInfo, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) noexcept {
    write(Level::kWarn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) noexcept {
    write(Level::kError, event, fields);
}

/// While it lives, this thread's lines end with "request_id". Not within another one.
class RequestScope {
public:
    explicit RequestScope(std::string_view request_id) noexcept;  // outlives the scope
    ~RequestScope();
    RequestScope(const RequestScope &) = delete;
    RequestScope &operator=(const RequestScope &) = delete;
};

/// Builds the line without writing it (tests, and the one writer). Never throws on bad UTF-8: it is replaced.
std::string format_line(Level level, std::string_view event, std::initializer_list<Field> fields,
                        int64_t now_ms);

/// Lines go to this file descriptor instead of stderr; for tests.
void redirect(int fd) noexcept;

}  // namespace nexus::control::log
