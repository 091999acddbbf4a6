// Query strings are read as edges read them.
#include "shared/encoding/query.h"

#include "control_plane/server/message.h"

namespace nexus::control {

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
    return encoding::parse_query(query);
}

}  // namespace nexus::control
