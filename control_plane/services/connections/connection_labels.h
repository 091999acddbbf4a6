// Labels of connections: the users' own names and values, for finding connections again.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "control_plane/json/json.h"
#include "shared/result.h"

namespace nexus::control {

inline constexpr size_t kMaxLabels = 32;

/// Labels of a new connection, as the row holds them (JSON, names sorted).
/// given   null or {name: value}; name [A-Za-z0-9._/-]{1,63}, value at most 255 bytes without control
/// characters errors  kInvalidRequest: names the member
Result<std::string> new_labels(const json::Value &given);

/// RFC 7396: what is named is set, or with null taken away. errors as new_labels
Result<std::string> merged_labels(std::string_view stored, const json::Value &patch);

/// `name:value` of a filter. errors kInvalidRequest
Result<std::pair<std::string, std::string>> parse_label(std::string_view text);

/// The row's text as JSON; an unreadable one counts as empty.
json::Value labels_json(std::string_view stored);

}  // namespace nexus::control
