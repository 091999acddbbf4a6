// Memory of a request for bytes that must not outlive it: wiped before nginx gives the pool back.
#pragma once

#include <span>

#include <openssl/crypto.h>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// An uninitialised area in `pool`, wiped when the pool is destroyed. Empty data: out of memory
inline std::span<char> wiped_area(ngx_pool_t *pool, size_t size) noexcept {
    struct Area {
        void *data;
        size_t size;
    };

    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(pool, sizeof(Area));
    if (cln == nullptr) {
        return {};
    }
    void *data = ngx_palloc(pool, size != 0 ? size : 1);  // aligned: records are read in place
    if (data == nullptr) {
        return {};
    }

    auto *area = static_cast<Area *>(cln->data);
    area->data = data;
    area->size = size;
    cln->handler = [](void *cleanup_data) {
        const auto *dying = static_cast<Area *>(cleanup_data);
        OPENSSL_cleanse(dying->data, dying->size);
    };
    return {static_cast<char *>(data), size};
}

}  // namespace nexus::edge
