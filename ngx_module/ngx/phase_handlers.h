// Handlers of request phases. nginx asks those of one phase in the reverse of their order in its array.
#pragma once

#include <algorithm>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

namespace detail {

/// The phase's handlers with one more at the end, not set yet. nullptr: out of memory
inline ngx_array_t *push_phase_handler(ngx_conf_t *cf, ngx_http_phases phase) noexcept {
    auto *cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    ngx_array_t *handlers = &cmcf->phases[phase].handlers;
    return ngx_array_push(handlers) != nullptr ? handlers : nullptr;
}

}  // namespace detail

/// The handler is asked before those that are there. returns NGX_OK or NGX_ERROR
inline ngx_int_t ask_first(ngx_conf_t *cf, ngx_http_phases phase, ngx_http_handler_pt handler) noexcept {
    ngx_array_t *handlers = detail::push_phase_handler(cf, phase);
    if (handlers == nullptr) {
        return NGX_ERROR;
    }
    static_cast<ngx_http_handler_pt *>(handlers->elts)[handlers->nelts - 1] = handler;
    return NGX_OK;
}

/// The handler is asked after those that are there, and after those that come later by `ask_first`.
/// returns NGX_OK or NGX_ERROR
inline ngx_int_t ask_last(ngx_conf_t *cf, ngx_http_phases phase, ngx_http_handler_pt handler) noexcept {
    ngx_array_t *handlers = detail::push_phase_handler(cf, phase);
    if (handlers == nullptr) {
        return NGX_ERROR;
    }
    auto *first = static_cast<ngx_http_handler_pt *>(handlers->elts);
    std::rotate(first, first + handlers->nelts - 1, first + handlers->nelts);
    *first = handler;
    return NGX_OK;
}

}  // namespace nexus::edge
