// An agent's names of connections as nexusctl reads and prints them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control_plane/json/json.h"

namespace nexus::control::cli {

/// NAME=CONNECTION_ID, each name once. returns {name: id}; nullopt = told already, with the value that is
/// wrong
std::optional<json::Value> parse_aliases(const std::vector<std::string> &aliases);

/// {name: id} as a table with `name_head` above the names.
void print_aliases(const json::Value &aliases, const char *name_head);

}  // namespace nexus::control::cli
