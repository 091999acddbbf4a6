// C++ objects in nginx pools: placed there, destroyed with the pool.
#pragma once

#include <new>
#include <utility>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// A pointer to an object that an ngx_pool_t owns. Copies point to the same object; it dies with the pool.
template <typename T>
class PoolPtr {
public:
    PoolPtr() = default;

    /// An empty PoolPtr means: out of memory. A constructor that throws, throws on; the pool is then
    /// unharmed.
    template <typename... Args>
    static PoolPtr make(ngx_pool_t *pool, Args &&...args) {
        ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(pool, sizeof(T));
        if (cln == nullptr) {
            return {};
        }
        T *object = ::new (cln->data) T(std::forward<Args>(args)...);
        cln->handler = [](void *data) { static_cast<T *>(data)->~T(); };  // only once there is an object
        return PoolPtr(object);
    }

    T *get() const { return object_; }
    T *operator->() const { return object_; }
    T &operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }

private:
    explicit PoolPtr(T *object) : object_(object) {}
    T *object_ = nullptr;
};

}  // namespace nexus::edge
