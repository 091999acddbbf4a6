// Which user is at the other end of a Unix socket: the kernel says, and cannot be lied to.
#pragma once

#include <cstdint>
#include <optional>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// The user id of the process that connected. nullopt: no Unix socket, or a user whom this user namespace has
/// no name for (the kernel's overflow id, which many can share).
std::optional<uint32_t> peer_uid(const ngx_http_request_t *r) noexcept;

}  // namespace nexus::edge
