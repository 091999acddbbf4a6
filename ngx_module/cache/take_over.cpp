// Copying entries from the predecessor's zone, whose workers still write to it.
#include "ngx_module/cache/take_over.h"

#include "ngx_module/cache/records.h"

namespace nexus::edge::cache {
namespace {

constexpr size_t kScratchBytes = record::kMaxRecordBytes;
constexpr uint64_t kSlotsPerScratch = 256;

}  // namespace

void take_over(const CacheConf &conf) noexcept {
    const PredecessorZone predecessor(*conf.zone);
    if (predecessor.bytes().empty()) {
        return;
    }
    ngx_log_t *log = conf.zone->shm.log;
    const auto old_zone = Zone::of_predecessor(predecessor);
    ngx_pool_t *scratch = ngx_create_pool(kScratchBytes, log);
    if (!old_zone || scratch == nullptr) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "nexus: zone \"%V\" begins empty: the one before the upgrade is laid out otherwise",
                      &conf.zone->shm.name);
        if (scratch != nullptr) {
            ngx_destroy_pool(scratch);
        }
        return;
    }

    const Records old(conf, *old_zone);
    Records records(conf);
    const uint64_t slots = old_zone->table().slot_count();
    for (uint64_t slot = 0; slot < slots; ++slot) {
        records.adopt(old, slot, scratch);
        if (slot % kSlotsPerScratch == 0) {
            ngx_reset_pool(scratch);
        }
    }
    ngx_destroy_pool(scratch);
}

}  // namespace nexus::edge::cache
