// nexusctl import nexus: moves a Nexus Framework database into nexusd, over its HTTP API, so that nothing
// passes by its rules, its vault and its audit. Without `apply` it only tells what it would do. Again is
// harmless: what is there already stays as it is.
#pragma once

#include <string>

#include "control_plane/cli/client.h"
#include "control_plane/takeover/connection_mapping.h"

namespace nexus::control::takeover {

struct Options {
    std::string from;       // URL of the reference's database; or
    std::string from_file;  // the file that holds it
    bool apply = false;
    bool include_deleted = false;  // deleted providers that still have connections live again
    bool quiet = false;
    bool json = false;
    MapOptions map;
};

/// The reference's ENCRYPTION_KEY is read from NEXUS_IMPORT_ENCRYPTION_KEY (or the file that it names with
/// _FILE behind it), or where that is not set from ENCRYPTION_KEY in the same way. returns the exit code: 0
/// done, 1 something was refused or it stopped, 2 wrong usage
int take_over(const cli::Client &client, const Options &options);

}  // namespace nexus::control::takeover
