// Changing part of what the control plane knows as a whole, without undoing what somebody else does
// meanwhile.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "control_plane/cli/client.h"
#include "control_plane/json/json.h"

namespace nexus::control::cli {

/// Reads what is at `path` and writes back what `change` makes of it, anew each time that somebody else was
/// faster.
///
/// change   the members to write; nullopt = told already
/// returns  what is there afterwards; nullopt = told already
std::optional<json::Value> edit(
    const Client &client, const std::string &path,
    const std::function<std::optional<json::Value>(const json::Value &before)> &change);

}  // namespace nexus::control::cli
