// Commands in the protocol's form (RESP: an array of bulk strings), straight into the buffer that is sent.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nexus::resp {

/// Appends a command. hiredis' formatter would allocate each one for itself first.
void append_command(std::string &out, std::span<const std::string_view> arguments);

}  // namespace nexus::resp
