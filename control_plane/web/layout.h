// The frame around every page.
#pragma once

#include <string>
#include <string_view>

namespace nexus::control::web {

extern const std::string_view kStyle;  // what the policy's hash is made of

/// title  plain text; body  HTML
std::string document(std::string_view title, std::string_view body);

}  // namespace nexus::control::web
