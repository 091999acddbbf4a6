// How full the shared memory cache is, for the metrics.
#pragma once

#include <string>

namespace nexus::edge::metrics {

/// Appends the gauges of the cache's zone; nothing where there is none.
void append_cache(std::string &out);

}  // namespace nexus::edge::metrics
