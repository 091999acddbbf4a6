// Prints JSON in one pass. jansson's own printing into a buffer takes two, the first for the size.
#pragma once

#include "control_plane/json/json.h"

namespace nexus::control::json {

/// Compact, members in insertion order, as json_dumpb with JSON_COMPACT and JSON_ENCODE_ANY prints.
Secret print(const json_t *value);

}  // namespace nexus::control::json
