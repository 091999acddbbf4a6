// Directives that are one of some words.
#pragma once

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// A setter like ngx_conf_set_enum_slot, which refuses a word without saying of which directive, and what
/// else there is. cmd->post: the words, an array of ngx_conf_enum_t
char *set_word_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

}  // namespace nexus::edge
