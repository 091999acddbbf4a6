// What Sentinels say about the master, and what servers say that they are.
#pragma once

#include <hiredis/hiredis.h>

#include <optional>
#include <string_view>

#include "shared/resp/host_port.h"

namespace nexus::resp {

/// The reply of SENTINEL get-master-addr-by-name: [host, port]. nullopt: something else, nil (unknown)
/// included
std::optional<HostPort> parse_master(const redisReply &reply);

/// Is it the reply of ROLE from such a server: master, slave or sentinel?
bool is_role(const redisReply &reply, std::string_view role) noexcept;

/// The message of +switch-master, "name old-host old-port new-host new-port": the new one, if it is about
/// `master_name`.
std::optional<HostPort> parse_switch(std::string_view message, std::string_view master_name);

}  // namespace nexus::resp
