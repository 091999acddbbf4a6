// Asking nexusd: a subrequest to the internal location that nexus_control_plane names, so that nginx's own
// upstream gives keepalive, TLS and mTLS. Its parent is a request of the worker's own: a question outlives
// the caller that gave rise to it, holds no caller's connection, and takes nothing of a caller's along: no
// header, no body. What the answer means for a lookup is lookup/fetch.cpp's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ngx_module/conf.h"
#include "ngx_module/ngx/event.h"
#include "shared/record/envelope.h"
#include "shared/secret.h"

namespace nexus::edge {

/// nexus_control_plane
struct ControlPlaneConf {
    std::string uri;         // without a slash at its end
    ngx_msec_t timeout = 0;  // of an answer, from the question to its last byte
};

/// nexus_control_plane_key
struct ControlPlaneKeyConf {
    Secret key;
};

/// nexus_control_plane URI [timeout=10s];   http, server
char *on_nexus_control_plane(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;
/// nexus_control_plane_key file:PATH|env:NAME;   http, server
char *on_nexus_control_plane_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

/// The edge's own key for nexusd, "" if none is configured.
std::string_view control_plane_key(const ngx_http_request_t *r) noexcept;

/// Adds the body filter and the precontent handler; postconfiguration.
ngx_int_t init_control_plane(ngx_conf_t *cf) noexcept;

/// One of our subrequests, also after an internal redirect inside of it?
bool is_control_plane_subrequest(const ngx_http_request_t *r) noexcept;

struct ControlPlaneQuestion {
    record::Kind kind = record::Kind::kToken;
    std::string_view id;
    bool refresh = false;
    uint64_t refresh_above_generation = 0;
    uint64_t refresh_within_s =
        0;  // 0: as it is; otherwise: refreshed first, if it is due and ends within so long
};

/// On whose behalf it is asked.
struct ControlPlaneAsker {
    ngx_http_core_srv_conf_t *server = nullptr;  // whose nexus_control_plane is meant
    std::string_view request_id;                 // what both logs can be joined by; "" = a new one
    ngx_log_t *log = nullptr;
    const ngx_http_request_t *request = nullptr;  // whose trace it belongs to; nullptr: nobody's
};

/// What nexusd said. Views are into the question's pool.
struct ControlPlaneAnswer {
    ngx_uint_t status = 0;        // 0: no complete answer
    std::string_view record;      // 200 with the right content type: sealed bytes, unauthenticated
    std::string_view error_code;  // other statuses: the error body's code if it is one of ours; static text
    int retry_after_s = 0;        // 0: not said
};

/// A question under way; in its own pool, which goes after `on_answer`.
struct ControlPlaneCall {
    /// Called once, from within nginx's finalisation of the subrequest or at the end of its time: no request
    /// may be resumed from in there. Whoever loses interest sets it to nullptr.
    void (*on_answer)(ControlPlaneCall *call, const ControlPlaneAnswer &answer) noexcept = nullptr;
    void *data = nullptr;

    uint64_t started_us = 0;
    ngx_msec_t timeout = 0;
    Event *deadline = nullptr;
    ngx_http_request_t *subrequest = nullptr;
    u_char *body = nullptr;
    size_t size = 0;
    bool complete = false;
    bool too_large = false;
    bool finished = false;
};

/// Reads a finished subrequest's status, headers and collected body; `rc` as nginx finalises it.
ControlPlaneAnswer read_answer(const ngx_http_request_t *r, const ControlPlaneCall &call, ngx_int_t rc);

/// Makes the question; `start` sends it. returns nullptr: out of memory
ControlPlaneCall *ask_control_plane(const ControlPlaneAsker &asker, const ControlPlaneConf &conf,
                                    const ControlPlaneQuestion &question) noexcept;
/// `on_answer` may be called before this returns.
void start(ControlPlaneCall *call) noexcept;

}  // namespace nexus::edge
