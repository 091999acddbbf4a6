// nexus_body_time: a client that sends its request's body drop by drop is cut.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

ngx_int_t init_body_time(ngx_conf_t *cf) noexcept;

}  // namespace nexus::edge
