// By what EVALSHA names a script; there is no security in it.
#pragma once

#include <string>
#include <string_view>

namespace nexus::redis {

/// 40 lower-case hexadecimal digits.
std::string script_sha1(std::string_view script);

}  // namespace nexus::redis
