// A connection's values for the {variables} of its provider's profile, and the fields kept of what the
// provider said: both JSON objects of strings in the connection's row.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control_plane/json/json.h"
#include "control_plane/oauth/profile.h"
#include "control_plane/oauth/url_template.h"
#include "shared/result.h"

namespace nexus::control {

/// What a caller gave as `variables` of a new connection: those `from: user`, checked; the defaults of
/// others. errors kMissingFields, kInvalidRequest: "variables.<name>"
Result<Variables> user_variables(const OAuthProfile &profile, const json::Value &given);

/// Of a column. errors kMalformedRecord
Result<Variables> parse_variables(std::string_view json);
std::string to_json_text(const Variables &variables);

/// The value of a callback's parameter; nullopt = not there.
using Parameter = std::function<std::optional<std::string>(const std::string &)>;

/// Adds the variables `from: callback`. errors kMissingFields, kInvalidRequest (does not match)
Result<void> add_callback_variables(const OAuthProfile &profile, const Parameter &parameter,
                                    Variables &variables);
/// keep_callback_fields of what came.
NamedTexts kept_callback_fields(const OAuthProfile &profile, const Parameter &parameter);

/// Is it the value of this variable? Also bounds it: 512 printable bytes.
bool is_value_of(const OAuthVariable &variable, std::string_view value);

/// The JSON object with `more` on top; an unreadable one counts as empty. At most 64 members.
std::string merged_json(std::string_view object, const NamedTexts &more);
std::string merged_json(std::string_view object, const Variables &more);

}  // namespace nexus::control
