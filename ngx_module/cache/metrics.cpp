// Gauges of the cache: records, their bytes, and the memory that they take.
#include "ngx_module/cache/metrics.h"

#include <string_view>

#include "ngx_module/worker.h"

namespace nexus::edge::metrics {
namespace {

void append_gauge(std::string &out, std::string_view name, std::string_view help, uint64_t value) {
    out.append("# HELP ").append(name).append(" ").append(help).append("\n");
    out.append("# TYPE ").append(name).append(" gauge\n");
    out.append(name).append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace

void append_cache(std::string &out) {
    Worker *w = worker();
    if (w == nullptr) {
        return;
    }
    const cache::Zone &zone = w->records().zone();
    const cache::Table table = zone.table();
    append_gauge(out, "nexus_cache_records", "Records in the shared memory cache.", table.record_count());
    append_gauge(out, "nexus_cache_record_bytes", "Bytes of these records.", table.record_bytes());
    append_gauge(out, "nexus_cache_used_bytes", "Memory of the cache in use, its tables included.",
                 zone.size() - table.free_bytes());
    append_gauge(out, "nexus_cache_size_bytes", "Size of the cache's zone.", zone.size());
}

}  // namespace nexus::edge::metrics
