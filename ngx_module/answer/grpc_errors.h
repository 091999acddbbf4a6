// Errors of nginx itself (an upstream that is away, a body that is too large, `deny`) in gRPC's own form.
#pragma once

namespace nexus::edge {

/// Puts the header filter into the chain. In postconfiguration, last: the other filters see what it has made.
void init_grpc_errors() noexcept;

}  // namespace nexus::edge
