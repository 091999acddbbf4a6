// The command table, in the order of the reference manual. Parsing lives beside the feature that a directive
// belongs to; defaults live in `merge` (conf.cpp).
#include "ngx_module/directives.h"

#include "ngx_module/conf.h"

namespace nexus::edge {

ngx_command_t commands[] = {
    ngx_null_command
};

}  // namespace nexus::edge
