// Paths into JSON: see json_path.h.
#include "control_plane/oauth/json_path.h"

#include <charconv>
#include <vector>

namespace nexus::control {

namespace {

constexpr size_t kMaxPathBytes = 256;
constexpr size_t kMaxSteps = 8;

// RFC 6901 section 3: ~1 is '/', ~0 is '~'.
std::string unescape(std::string_view step) {
    std::string out;
    for (size_t i = 0; i < step.size(); ++i) {
        bool escaped = step[i] == '~' && i + 1 < step.size() && (step[i + 1] == '0' || step[i + 1] == '1');
        out.push_back(!escaped ? step[i] : step[i + 1] == '0' ? '~' : '/');
        i += escaped ? 1 : 0;
    }
    return out;
}

std::vector<std::string> steps_of(std::string_view path) {
    const bool pointer = path.starts_with('/');
    const char separator = pointer ? '/' : '.';
    if (pointer) {
        path.remove_prefix(1);
    }
    std::vector<std::string> out;
    for (;;) {
        size_t end = path.find(separator);
        std::string_view step = path.substr(0, end);
        out.push_back(pointer ? unescape(step) : std::string{step});
        if (end == std::string_view::npos) {
            return out;
        }
        path.remove_prefix(end + 1);
    }
}

json::Value step_into(const json::Value &value, const std::string &step) {
    if (value.is_object()) {
        return value.get(step);
    }
    size_t index = 0;
    auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
    bool is_index = error == std::errc{} && end == step.data() + step.size();
    return value.is_array() && is_index && index < value.size() ? value.at(index) : json::Value{};
}

}  // namespace

bool is_json_path(std::string_view path) {
    if (path.empty() || path.size() > kMaxPathBytes) {
        return false;
    }
    std::vector<std::string> steps = steps_of(path);
    for (const std::string &step : steps) {
        if (step.empty()) {
            return false;
        }
    }
    return steps.size() <= kMaxSteps;
}

json::Value at_path(const json::Value &value, std::string_view path) {
    json::Value at = value.borrow();
    for (const std::string &step : steps_of(path)) {
        at = step_into(at, step);
    }
    return at;
}

std::string scalar_text(const json::Value &value) {
    if (value.is_string()) {
        return std::string{value.as_string()};
    }
    return value.is_null() || value.is_object() || value.is_array() ? "" : value.dump_text();
}

}  // namespace nexus::control
