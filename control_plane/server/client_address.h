// Whose request it is: the client's address as the proxies in front tell it. X-Real-IP and X-Forwarded-For
// are believed from trusted proxies only, each hop judged by itself, from the nearest one outwards (reference
// D4: a header that anybody may send opens no allowlist).
#pragma once

#include <span>
#include <string>

#include "control_plane/server/message.h"
#include "shared/net/host_rule.h"

namespace nexus::control {

/// The socket's peer, if it is no trusted proxy; else X-Real-IP, if that is none; else the last element of
/// X-Forwarded-For that is none (the first one, if all are proxies).
/// returns "" where what a trusted proxy tells is no address: such a client is on no allowlist
std::string client_address(const Request &request, std::string_view peer_ip,
                           std::span<const net::Cidr> trusted_proxies);

}  // namespace nexus::control
