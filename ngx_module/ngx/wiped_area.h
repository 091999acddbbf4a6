// Memory of a request for bytes that must not outlive it: wiped before nginx gives the pool back.
#pragma once

#include <string.h>
#include <new>
#include <span>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// Has an area of `pool` wiped when the pool is destroyed. false: out of memory
inline bool wipe_at_end(ngx_pool_t *pool, std::span<char> bytes) noexcept {
    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(pool, sizeof(std::span<char>));
    if (cln == nullptr) {
        return false;
    }
    ::new (cln->data) std::span<char>(bytes);
    cln->handler = [](void *data) {
        const auto dying = *static_cast<std::span<char> *>(data);
        explicit_bzero(dying.data(), dying.size());
    };
    return true;
}

/// An uninitialised area in `pool`, wiped when the pool is destroyed. Empty data: out of memory
inline std::span<char> wiped_area(ngx_pool_t *pool, size_t size) noexcept {
    auto *data = static_cast<char *>(ngx_palloc(pool, size != 0 ? size : 1));
    if (data == nullptr || !wipe_at_end(pool, {data, size})) {
        return {};
    }
    return {data, size};
}

}  // namespace nexus::edge
