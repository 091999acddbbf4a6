// The manifest of `nexusctl provider apply` (reference 1.13): YAML with a `providers` list. ${NAME} in a
// value is replaced from the environment after parsing, so that no value can change the manifest's structure;
// $$ is a dollar.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/json/json.h"
#include "shared/result.h"

namespace nexus::control::cli {

/// value of an environment variable; nullopt = unset
using Lookup = std::function<std::optional<std::string>(const std::string &)>;

struct ManifestProvider {
    std::string name;
    json::Value profile;
};

/// errors kInvalidRequest: names the line or the member
Result<std::vector<ManifestProvider>> parse_manifest(const std::string &yaml, const Lookup &lookup);

/// errors kInvalidRequest: an unset name, an unfinished ${
Result<std::string> expand_variables(std::string_view text, const Lookup &lookup);

}  // namespace nexus::control::cli
