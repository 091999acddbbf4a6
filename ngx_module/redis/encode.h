// Commands in the protocol's form (RESP: an array of bulk strings), straight into the buffer that is sent.
#pragma once

#include <string>

#include "ngx_module/redis/command.h"

namespace nexus::edge::redis {

/// Appends a command. hiredis' formatter would allocate each one for itself first.
void append_command(std::string &out, Arguments arguments);

}  // namespace nexus::edge::redis
