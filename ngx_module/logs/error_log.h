// Keeps secrets out of nginx's own error logs. At level `debug` nginx prints every request header it parses,
// before any module sees the request, and every header it sends upstream; at any level it appends request
// lines to its messages.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// While a server or location is merged: remembers its error log for guard_error_logs. `allow`:
/// nexus_debug_http on returns NGX_OK, or NGX_ERROR (out of memory)
ngx_int_t note_error_log(ngx_conf_t *cf, bool allow) noexcept;

/// In postconfiguration, where the http block uses nexus: each noted log becomes a copy without the category
/// debug_http, whose lines are redacted (log_redaction.h) before they are written. Other debug categories and
/// all levels stay. returns NGX_OK, or NGX_ERROR (out of memory)
ngx_int_t guard_error_logs(ngx_conf_t *cf) noexcept;

/// `debug_connection` in events {} overrides every log's level for its addresses, and so the mask: says so.
void warn_of_debug_connection(ngx_cycle_t *cycle) noexcept;

}  // namespace nexus::edge
