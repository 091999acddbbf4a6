// Labels of connections: see connection_labels.h.
#include "control_plane/services/connections/connection_labels.h"

#include <algorithm>

namespace nexus::control {

namespace {

constexpr size_t kMaxNameBytes = 63;
constexpr size_t kMaxValueBytes = 255;

tl::unexpected<Error> refuse(std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member labels " + std::string{sentence}, "labels");
}

bool is_label_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '/' || c == '-';
    });
}

bool is_label_value(std::string_view value) {
    return value.size() <= kMaxValueBytes && std::none_of(value.begin(), value.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

}  // namespace

json::Value labels_json(std::string_view stored) {
    Result<json::Value> labels = json::parse_object(stored);
    return labels ? std::move(*labels) : json::Value::object();
}

Result<std::string> new_labels(const json::Value &given) {
    return merged_labels("{}", given);
}

Result<std::string> merged_labels(std::string_view stored, const json::Value &patch) {
    json::Value labels = labels_json(stored);
    for (const std::string &name : patch.names()) {
        json::Value value = patch.get(name);
        if (!is_label_name(name)) {
            return refuse("must have names of 1 to 63 letters, digits, '.', '_', '/' and '-'");
        }
        if (value.is_null()) {
            labels.erase(name);
            continue;
        }
        if (!value.is_string() || !is_label_value(value.as_string())) {
            return refuse("must have strings of at most 255 bytes, without control characters");
        }
        labels.set(name, value.as_string());
    }
    if (labels.size() > kMaxLabels) {
        return refuse("must be 32 at most");
    }
    return labels.dump_canonical();
}

Result<std::pair<std::string, std::string>> parse_label(std::string_view text) {
    size_t colon = text.find(':');
    if (colon == std::string_view::npos || !is_label_name(text.substr(0, colon)) ||
        !is_label_value(text.substr(colon + 1))) {
        return fail(Errc::kInvalidRequest, "parameter label must be name:value", "label");
    }
    return std::pair{std::string{text.substr(0, colon)}, std::string{text.substr(colon + 1)}};
}

}  // namespace nexus::control
