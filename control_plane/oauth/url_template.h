// {name} in a profile's URLs and parameters, filled with a connection's variables. What a value may do
// depends on where it stands: in the host it has a host's alphabet, behind the host it is percent-encoded,
// and a template that begins with {name} takes scheme and host from a value that is a URL by itself.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace nexus::control {

using Variables = std::map<std::string, std::string, std::less<>>;

/// A letter, then letters, digits, '_' and '-'; at most 64.
bool is_variable_name(std::string_view name) noexcept;

/// The names in it, in order. Braces that enclose no name are text.
std::vector<std::string> template_names(std::string_view text);
bool is_template(std::string_view text);

/// As it is, for parameters. errors kMissingFields: a variable without a value
Result<std::string> fill_text(std::string_view text, const Variables &variables);

/// A URL. errors kMissingFields; kInvalidRequest: a value that cannot stand where it would, or the whole is
/// no URL
Result<std::string> fill_url(std::string_view text, const Variables &variables, std::string_view what);

}  // namespace nexus::control
