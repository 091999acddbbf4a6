// The command table.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

extern ngx_command_t commands[];

}  // namespace nexus::edge
