// A connection's rules of method and path, asked about a request as it is sent: whatever its path was
// rewritten to, and proxy_method said.
#pragma once

#include <string_view>

#include "shared/http2/header_frames.h"
#include "shared/record/token_record.h"

namespace nexus::edge {

/// What is about to be sent, in whatever way it is written.
struct Sent {
    std::string_view host_line;  // where the request says that it goes
    std::string_view method;
    std::string_view target;
    bool is_overridden = false;  // a field says another method or path; asked only where there are rules
};

/// Does a header line tell a provider another method or path than the request line?
///
/// head  request line and header lines (HTTP/1.1), or the header block of a gRPC request; one that cannot be
///       read says so
bool has_override(std::string_view head);
bool has_override(const http2::HeaderFrames &frames);

bool is_request_allowed(const record::TokenView &token, const Sent &sent);

}  // namespace nexus::edge
