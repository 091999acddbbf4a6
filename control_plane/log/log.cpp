// The only file that knows spdlog: it brings the sink, its lock and its level; the JSON of a line is made
// here.
#include "control_plane/log/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>

#include "shared/clock.h"
#include "shared/encoding/utf8.h"

namespace nexus::control::log {

namespace {

constexpr size_t kMaxTextBytes = 1024;

std::atomic<int> output_fd{STDERR_FILENO};
thread_local std::string_view request_of_thread;  // "" = none

/// Writes each line with one write(2), so that lines of several processes on one pipe stay whole.
class FdSink final : public spdlog::sinks::base_sink<std::mutex> {
    void sink_it_(const spdlog::details::log_msg &message) override {
        std::string line(message.payload.data(), message.payload.size());
        line.push_back('\n');
        size_t written = 0;
        while (written < line.size()) {
            const ssize_t n = ::write(output_fd.load(), line.data() + written, line.size() - written);
            if (n <= 0) {
                return;  // nowhere to complain to
            }
            written += static_cast<size_t>(n);
        }
    }
    void flush_() override {}
};

spdlog::logger &logger() {
    static spdlog::logger instance = [] {
        spdlog::logger made("nexusd", std::make_shared<FdSink>());
        made.set_level(spdlog::level::info);
        return made;
    }();
    return instance;
}

spdlog::level::level_enum to_spdlog(Level level) noexcept {
    switch (level) {
        case Level::kDebug:
            return spdlog::level::debug;
        case Level::kInfo:
            return spdlog::level::info;
        case Level::kWarn:
            return spdlog::level::warn;
        case Level::kError:
            return spdlog::level::err;
        case Level::kOff:
            break;
    }
    return spdlog::level::off;
}

std::string_view name_of(Level level) noexcept {
    switch (level) {
        case Level::kDebug:
            return "debug";
        case Level::kInfo:
            return "info";
        case Level::kWarn:
            return "warn";
        case Level::kError:
            return "error";
        case Level::kOff:
            break;
    }
    return "off";
}

void append_quoted(std::string &line, std::string_view text) {
    line.push_back('"');
    std::string_view rest = text.substr(0, kMaxTextBytes);
    while (!rest.empty()) {
        const unsigned char c = static_cast<unsigned char>(rest.front());
        const size_t length = encoding::utf8_length(rest);
        if (length == 0) {
            line.append("\\ufffd");
        } else if (c == '"' || c == '\\') {
            line.append({'\\', rest.front()});
        } else if (c < 0x20 || c == 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            line.append(escape);
        } else {
            line.append(rest.substr(0, length));
        }
        rest.remove_prefix(length == 0 ? 1 : length);
    }
    line.push_back('"');
}

void append_time(std::string &line, int64_t now_ms) {
    const time_t seconds = static_cast<time_t>(now_ms / 1000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(now_ms % 1000));
    line.append(text);
}

}  // namespace

bool set_level(std::string_view level) noexcept {
    for (const Level candidate : {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError, Level::kOff}) {
        if (level == name_of(candidate)) {
            logger().set_level(to_spdlog(candidate));
            return true;
        }
    }
    return false;
}

bool enabled(Level level) noexcept {
    return logger().should_log(to_spdlog(level));
}

std::string format_line(Level level, std::string_view event, std::initializer_list<Field> fields,
                        int64_t now_ms) {
    std::string line = R"({"time":")";
    append_time(line, now_ms);
    line.append(R"(","level":")").append(name_of(level)).append(R"(","event":)");
    append_quoted(line, event);
    for (const Field &field : fields) {
        line.push_back(',');
        append_quoted(line, field.name);
        line.push_back(':');
        if (const auto *text = std::get_if<std::string_view>(&field.value)) {
            append_quoted(line, *text);
        } else if (const auto *number = std::get_if<int64_t>(&field.value)) {
            line.append(std::to_string(*number));
        } else {
            line.append(std::get<bool>(field.value) ? "true" : "false");
        }
    }
    if (!request_of_thread.empty()) {
        line.append(R"(,"request_id":)");
        append_quoted(line, request_of_thread);
    }
    line.push_back('}');
    return line;
}

RequestScope::RequestScope(std::string_view request_id) noexcept {
    request_of_thread = request_id;
}

RequestScope::~RequestScope() {
    request_of_thread = {};
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) noexcept {
    try {
        if (enabled(level)) {
            logger().log(to_spdlog(level),
                         spdlog::string_view_t(format_line(level, event, fields, system_now_ms())));
        }
    } catch (...) {  // out of memory: the line is lost, the process is not
    }
}

void redirect(int fd) noexcept {
    output_fd.store(fd);
}

}  // namespace nexus::control::log
