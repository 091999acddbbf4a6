// What nexusctl's commands on connections share: paths, labels as typed, waiting for a person.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control_plane/cli/commands.h"
#include "control_plane/json/json.h"

namespace nexus::control::cli {

std::string connection_path(const std::string &id);

/// name=value, and with `-` behind a name alone: null. nullopt = told already
std::optional<json::Value> parse_labels(const std::vector<std::string> &labels);

/// Until the connection leaves `while_state`, its flow ends, or time is up. returns the exit code: 0 = active
int wait_for_person(const Client &client, const Output &output, const std::string &id, int timeout_s,
                    const std::string &while_state);

}  // namespace nexus::control::cli
