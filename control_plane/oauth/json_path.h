// Paths into a provider's JSON answer: "authed_user.access_token", "data.0.token", or a JSON Pointer (RFC
// 6901) such as "/data/a.b" where a name holds a dot.
#pragma once

#include <string>
#include <string_view>

#include "control_plane/json/json.h"

namespace nexus::control {

/// 1 to 256 bytes, at most 8 steps, none empty.
bool is_json_path(std::string_view path);

/// null where there is nothing.
json::Value at_path(const json::Value &value, std::string_view path);

/// Text of a string, number or boolean; "" for anything else.
std::string scalar_text(const json::Value &value);

}  // namespace nexus::control
