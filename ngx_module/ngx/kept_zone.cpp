// The memfds of this master, and those of the one before.
#include "ngx_module/ngx/kept_zone.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"
#include "shared/encoding/hex.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace nexus::edge {
namespace {

// "<fd>:<root offset>:<name in hexadecimal digits>," for each zone.
constexpr std::string_view kVariable = "NEXUS_KEPT_ZONES";

struct Kept {
    int fd;
    u_char *addr;
    size_t size;
};

// Of the master; workers inherit and ignore it.
std::vector<Kept> g_kept;
bool g_settled = false;  // a cycle has started: there is no predecessor any more

std::optional<uint64_t> take_number(std::string_view &text) {
    uint64_t number = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || at == text.data() + text.size() || *at != ':') {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<size_t>(at - text.data()) + 1);
    return number;
}

struct Inherited {
    int fd = -1;
    size_t root = 0;
    std::string name;
};

// The variable means something only beside nginx's own, with the sockets: otherwise nobody has exec'd us.
std::vector<Inherited> inherited() {
    std::vector<Inherited> zones;
    const char *variable = std::getenv(std::string(kVariable).c_str());
    if (g_settled || variable == nullptr || std::getenv(NGINX_VAR) == nullptr) {
        return zones;
    }
    for (std::string_view text = variable; !text.empty();) {
        const size_t end = std::min(text.find(','), text.size());
        std::string_view one = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto fd = take_number(one);
        const auto root = take_number(one);
        const auto name = encoding::hex_decode(one);
        // Only a memfd has seals: a number that means something else by now is not touched.
        if (fd && root && name && *fd > STDERR_FILENO && *fd < 1'000'000 &&
            fcntl(static_cast<int>(*fd), F_GET_SEALS) != -1) {
            zones.push_back({static_cast<int>(*fd), *root, *name});
        }
    }
    return zones;
}

int make_memfd() noexcept {
    // Not closed on exec: that is what it is for.
    const int fd = memfd_create("nexus-zone", MFD_NOEXEC_SEAL);
    return fd != -1 || errno != EINVAL ? fd : memfd_create("nexus-zone", 0);
}

bool write_all(int fd, const u_char *from, size_t size) noexcept {
    for (size_t done = 0; done < size;) {
        const ssize_t n = pwrite(fd, from + done, size - done, static_cast<off_t>(done));
        if (n <= 0) {
            return false;
        }
        done += static_cast<size_t>(n);
    }
    return true;
}

// The slab allocator has written its bookkeeping, up to the first page.
bool move_to(int fd, ngx_shm_zone_t *zone) noexcept {
    const auto *pool = reinterpret_cast<const ngx_slab_pool_t *>(zone->shm.addr);
    return ftruncate(fd, static_cast<off_t>(zone->shm.size)) == 0 &&
           write_all(fd, zone->shm.addr, static_cast<size_t>(pool->start - zone->shm.addr)) &&
           mmap(zone->shm.addr, zone->shm.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
               MAP_FAILED;
}

const ngx_shm_zone_t *find_zone(ngx_cycle_t *cycle, const Kept &kept) noexcept {
    for (const ngx_list_part_t *part = &cycle->shared_memory.part; part != nullptr; part = part->next) {
        const auto *zones = static_cast<const ngx_shm_zone_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (zones[i].shm.addr == kept.addr && zones[i].shm.size == kept.size) {
                return &zones[i];
            }
        }
    }
    return nullptr;
}

// nginx hands the variables of `env` directives on to workers and to a new binary.
void export_zones(ngx_cycle_t *cycle, const std::string &zones) {
    auto *ccf = reinterpret_cast<ngx_core_conf_t *>(ngx_get_conf(cycle->conf_ctx, ngx_core_module));
    const ngx_str_t text = copy_to_pool(cycle->pool, std::string(kVariable).append("=").append(zones));
    auto *variable = static_cast<ngx_str_t *>(text.data == nullptr ? nullptr : ngx_array_push(&ccf->env));
    if (variable != nullptr) {
        *variable = {kVariable.size(), text.data};  // its length is that of the name
    }
}

}  // namespace

void keep_zone(ngx_shm_zone_t *zone) noexcept {
    if (ngx_test_config) {
        return;
    }
    const int fd = make_memfd();
    const bool kept = fd != -1 && guarded_or<bool>(false, zone->shm.log, "keeping a zone", [&] {
                          g_kept.reserve(g_kept.size() + 1);
                          return move_to(fd, zone);
                      });
    if (kept) {
        // A cycle that failed may have had a zone at this place.
        std::erase_if(
            g_kept, [&](const Kept &stale) { return stale.addr == zone->shm.addr && close(stale.fd) == 0; });
        g_kept.push_back({fd, zone->shm.addr, zone->shm.size});  // within what was reserved
        return;
    }
    ngx_log_error(NGX_LOG_NOTICE, zone->shm.log, ngx_errno,
                  "nexus: zone \"%V\" will begin empty after a binary upgrade", &zone->shm.name);
    if (fd != -1) {
        close(fd);
    }
}

PredecessorZone::PredecessorZone(const ngx_shm_zone_t &zone) noexcept {
    guarded_event(zone.shm.log, "the zones of a binary upgrade", [&] {
        for (const Inherited &old : inherited()) {
            struct stat status {};
            if (old.name != to_view(zone.shm.name) || fstat(old.fd, &status) != 0 || status.st_size <= 0 ||
                old.root >= static_cast<size_t>(status.st_size)) {
                continue;
            }
            const auto size = static_cast<size_t>(status.st_size);
            void *memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, old.fd, 0);
            if (memory != MAP_FAILED) {
                bytes_ = {static_cast<const u_char *>(memory), size};
                root_ = old.root;
            }
            return;
        }
    });
}

PredecessorZone::~PredecessorZone() {
    if (!bytes_.empty()) {
        munmap(const_cast<u_char *>(bytes_.data()), bytes_.size());
    }
}

void settle_kept_zones(ngx_cycle_t *cycle) noexcept {
    guarded_event(cycle->log, "keeping zones", [&] {
        for (const Inherited &old : inherited()) {
            close(old.fd);
        }
        g_settled = true;

        std::string zones;
        std::erase_if(g_kept, [&](const Kept &kept) {
            const ngx_shm_zone_t *zone = find_zone(cycle, kept);
            if (zone == nullptr) {
                close(kept.fd);
                return true;
            }
            const auto *pool = reinterpret_cast<const ngx_slab_pool_t *>(zone->shm.addr);
            zones.append(std::to_string(kept.fd)).append(":");
            zones.append(std::to_string(static_cast<const u_char *>(pool->data) - kept.addr)).append(":");
            zones.append(encoding::hex_encode(to_view(zone->shm.name))).append(",");
            return false;
        });
        if (!zones.empty()) {
            export_zones(cycle, zones);
        }
    });
}

}  // namespace nexus::edge
