// Agents' own names of connections: which there may be, and how they are kept. A name leads to a connection,
// not past the agent's workspace and narrowing: these are asked when it is used.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "control_plane/json/json.h"
#include "shared/result.h"

namespace nexus::control {

/// record::is_alias -> connection id
using Aliases = std::map<std::string, std::string>;

/// What a body says. errors kInvalidRequest (a value that is no string)
Result<Aliases> read_aliases(const json::Value &given);

/// As the row holds them (JSON), with ids in lower case. errors kInvalidRequest: names the member
Result<std::string> checked_aliases(const Aliases &wanted);

/// The row's text. errors kStoreUnavailable
Result<Aliases> parse_aliases(std::string_view stored);

json::Value aliases_json(std::string_view stored);

}  // namespace nexus::control
