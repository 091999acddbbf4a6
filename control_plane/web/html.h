// Text into HTML. Everything that is not a literal of ours goes through `escape`.
#pragma once

#include <string>
#include <string_view>

namespace nexus::control::web {

/// For element content and for attribute values in double quotes. Control characters but tab and line breaks
/// are dropped.
std::string escape(std::string_view text);

/// ` name="value"`, escaped.
std::string attribute(std::string_view name, std::string_view value);

}  // namespace nexus::control::web
