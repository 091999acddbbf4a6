// The counters of limits in the Prometheus text.
#pragma once

#include <string>

namespace nexus::edge::limits {

/// Appends those of all zones of the running configuration.
void append_metrics(std::string &out);

}  // namespace nexus::edge::limits
