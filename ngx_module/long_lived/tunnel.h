// Upgraded connections (WebSockets) of locations that inject: the provider has judged the credential once, at
// the handshake. The edge ends such a connection when the credential ends, by its expiry, a revoke or a
// connection that needs a person.
#pragma once

namespace nexus::edge {

/// Registers the header filter that notices upgrades; in postconfiguration.
void init_tunnels() noexcept;

}  // namespace nexus::edge
