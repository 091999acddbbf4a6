// The module's variables. None ever holds a secret.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Registers them; in preconfiguration. returns NGX_OK or NGX_ERROR
ngx_int_t add_variables(ngx_conf_t *cf) noexcept;

}  // namespace nexus::edge
