// Worker slots: claimed by compare-and-swap, so that no lock can be left behind by a worker that dies.
#include "ngx_module/cache/wake.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace nexus::edge::cache::wake {
namespace {

struct Shared {
    std::atomic<Identity> holders[kSlots];
};

// Made in the master, inherited by every worker of every later cycle.
Shared *g_shared = nullptr;
int g_eventfds[kSlots];

// Of this process.
unsigned g_slot = kSlots;
Identity g_identity = 0;
void (*g_on_wake)() noexcept = nullptr;

pid_t pid_of(Identity identity) noexcept {
    return static_cast<pid_t>(identity >> 32);
}

// Field 22 of /proc/PID/stat, clock ticks since boot; its low 32 bits are enough to tell two processes apart.
// source: proc(5). 0 if the process is gone.
uint32_t start_time(pid_t pid) noexcept {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
    FILE *file = std::fopen(path, "re");
    if (file == nullptr) {
        return 0;
    }
    char line[1024];
    const size_t size = std::fread(line, 1, sizeof line - 1, file);
    std::fclose(file);
    line[size] = '\0';

    // The command's name may hold blanks and brackets: count from behind its last bracket, where field 3
    // begins.
    const char *at = std::strrchr(line, ')');
    for (int field = 2; at != nullptr && field < 22; ++field) {
        at = std::strchr(at + 1, ' ');
    }
    return at == nullptr ? 0 : static_cast<uint32_t>(std::strtoull(at + 1, nullptr, 10));
}

Identity make_identity(pid_t pid) noexcept {
    return static_cast<Identity>(static_cast<uint32_t>(pid)) << 32 | start_time(pid);
}

bool lives(Identity identity) noexcept {
    const pid_t pid = pid_of(identity);
    if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH)) {
        return false;
    }
    const uint32_t started = start_time(pid);
    return started == 0 || started == static_cast<uint32_t>(identity);  // 0: /proc is hidden from us
}

void drain() noexcept {
    eventfd_t value = 0;
    while (eventfd_read(g_eventfds[g_slot], &value) == 0) {
    }
}

void on_eventfd(ngx_event_t *) noexcept {
    if (g_slot == kSlots) {
        return;
    }
    drain();
    if (g_on_wake != nullptr) {
        g_on_wake();
    }
}

bool take_slot(unsigned slot) noexcept {
    std::atomic<Identity> &holder = g_shared->holders[slot];
    Identity held = holder.load();
    if (held != 0 && lives(held)) {
        return false;
    }
    return holder.compare_exchange_strong(held, g_identity);
}

}  // namespace

void create(ngx_log_t *log) noexcept {
    if (g_shared != nullptr) {
        return;
    }

    void *memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "nexus: no shared memory for waking workers, they will poll");
        return;
    }
    for (unsigned slot = 0; slot < kSlots; ++slot) {
        g_eventfds[slot] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (g_eventfds[slot] != -1) {
            continue;
        }
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno, "nexus: no eventfd for waking workers, they will poll");
        while (slot > 0) {
            close(g_eventfds[--slot]);
        }
        munmap(memory, sizeof(Shared));
        return;
    }
    g_shared = ::new (memory) Shared{};
}

void join(ngx_cycle_t *cycle, void (*on_wake)() noexcept) noexcept {
    g_identity = make_identity(ngx_pid);
    g_on_wake = on_wake;
    if (g_shared == nullptr) {
        return;
    }

    for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (!take_slot(slot)) {
            continue;
        }
        g_slot = slot;
        drain();  // what its previous holder did not read
        // The channel mark that this sets keeps nginx from reporting the descriptor as a leaked socket.
        if (ngx_add_channel_event(cycle, g_eventfds[slot], NGX_READ_EVENT, on_eventfd) != NGX_OK) {
            leave();
            return;
        }
        return;
    }
    ngx_log_error(NGX_LOG_WARN, cycle->log, 0, "nexus: more than %ud workers, this one will poll", kSlots);
}

void leave() noexcept {
    if (g_slot == kSlots) {
        return;
    }
    g_shared->holders[g_slot].store(0);
    g_slot = kSlots;  // the descriptor itself is closed with the process
}

unsigned own_slot() noexcept {
    return g_slot;
}

Identity own_identity() noexcept {
    return g_identity;
}

void signal(uint64_t slots) noexcept {
    signal_all(g_slot < kSlots ? slots & ~(uint64_t{1} << g_slot) : slots);
}

void signal_all(uint64_t slots) noexcept {
    for (unsigned slot = 0; slots != 0 && g_shared != nullptr; ++slot, slots >>= 1) {
        if ((slots & 1) != 0) {
            eventfd_write(g_eventfds[slot], 1);
        }
    }
}

bool holds_slot(unsigned slot, Identity identity) noexcept {
    return g_shared == nullptr || slot >= kSlots || g_shared->holders[slot].load() == identity;
}

bool is_alive(Identity identity) noexcept {
    return identity == g_identity || lives(identity);
}

}  // namespace nexus::edge::cache::wake
