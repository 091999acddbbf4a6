// A response as bytes for the wire.
#pragma once

#include <string_view>

#include "control_plane/server/message.h"

namespace nexus::control {

struct WireOptions {
    bool keep_alive = true;
    bool without_body = false;  // the answer to HEAD
    std::string_view request_id;
};

/// Adds Date, Content-Length, Cache-Control: no-store (unless the handler said otherwise),
/// X-Content-Type-Options, X-Request-Id and Connection. A header with a control character turns the response
/// into a bare 500.
Secret to_wire(const Response &response, const WireOptions &options);

}  // namespace nexus::control
