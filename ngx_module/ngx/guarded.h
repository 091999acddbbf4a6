// The boundary between C++ and nginx: every function whose address nginx holds runs its C++ body in here, so
// that no exception crosses C frames. What the body does is its own business.
#pragma once

#include <exception>
#include <utility>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Logs an exception that reached the boundary. Its text is not logged: it may quote data.
[[gnu::cold]] inline void log_escaped(ngx_log_t *log, const char *where, const char *kind) noexcept {
    ngx_log_error(NGX_LOG_CRIT, log, 0, "nexus: %s in %s", kind, where);
}

/// Runs `body` and returns what it returns; an exception becomes `on_exception`.
template <typename R, typename Body>
R guarded_or(R on_exception, ngx_log_t *log, const char *where, Body &&body) noexcept {
    try {
        return std::forward<Body>(body)();
    } catch (const std::bad_alloc &) {
        log_escaped(log, where, "out of memory");
    } catch (const std::exception &) {
        log_escaped(log, where, "unexpected exception");
    } catch (...) {
        log_escaped(log, where, "unknown exception");
    }
    return on_exception;
}

/// For request handlers: an exception ends the request with 500.
template <typename Body>
ngx_int_t guarded(ngx_http_request_t *r, Body &&body) noexcept {
    return guarded_or<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR, r->connection->log, "a request handler",
                                 std::forward<Body>(body));
}

/// For events and timers, which return nothing.
template <typename Body>
void guarded_event(ngx_log_t *log, const char *where, Body &&body) noexcept {
    guarded_or<int>(0, log, where, [&] {
        std::forward<Body>(body)();
        return 0;
    });
}

}  // namespace nexus::edge
